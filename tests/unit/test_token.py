"""The token file holds the token and nothing else, and its content is never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gated.config import Server
from gated.errors import ConfigError
from gated.server.token import read_token

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "dkxt3z5q9gl8v7m6n4b2"


def server(token_file: Path) -> Server:
    return Server(
        url="https://tickets.example.org",
        organizer="demo",
        event="conf",
        checkin_lists=(1,),
        token_file=str(token_file),
    )


def written(folder: Path, content: bytes) -> Server:
    file = folder / "token"
    file.write_bytes(content)
    return server(file)


def complaint(settings: Server) -> str:
    with pytest.raises(ConfigError) as caught:
        read_token(settings)
    (problem,) = caught.value.problems
    return str(problem)


@pytest.mark.parametrize("content", [TOKEN, f"{TOKEN}\n", f"  {TOKEN}\r\n\n"])
def test_a_token_is_read_without_the_space_around_it(tmp_path: Path, content: str) -> None:
    assert read_token(written(tmp_path, content.encode())) == TOKEN


def test_the_token_of_a_team_says_so(tmp_path: Path) -> None:
    assert read_token(written(tmp_path, f"Token {TOKEN}\n".encode())) == f"Token {TOKEN}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n \n",
        b"Token ",
        f"{TOKEN}\n{TOKEN}\n".encode(),
        f"{TOKEN} # of the north gate".encode(),
        f"Bearer {TOKEN}".encode(),
        f"{TOKEN}\0".encode(),
        f"{TOKEN}\x1b[2J".encode(),
    ],
)
def test_a_file_with_anything_else_is_told(tmp_path: Path, content: bytes) -> None:
    problem = complaint(written(tmp_path, content))

    assert problem.startswith("[server] token_file: ")
    assert problem.endswith("must hold the token and nothing else")
    assert TOKEN not in problem


@pytest.mark.parametrize("content", ["tökèn".encode(), b"\xff\xfe\x00"])
def test_a_file_that_holds_no_token_is_told(tmp_path: Path, content: bytes) -> None:
    assert complaint(written(tmp_path, content)).endswith("does not hold a token")


def test_a_missing_file_is_told_with_its_path(tmp_path: Path) -> None:
    problem = complaint(server(tmp_path / "none"))

    path = tmp_path / "none"
    assert problem == f"[server] token_file: {path} cannot be read: No such file or directory"


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    assert "cannot be read: " in complaint(server(tmp_path))


def test_without_a_server_there_is_no_token_to_read() -> None:
    assert complaint(Server()) == (
        "[server] url: is needed, or the gate has to be enrolled: see gated enrol"
    )


def test_a_wrong_token_file_stops_systemd_from_trying_again(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_token(server(tmp_path / "none"))

    assert caught.value.exit_status == 78
