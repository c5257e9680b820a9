"""Both directions of the sync: pull the list, push the scans."""
