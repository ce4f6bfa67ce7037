"""Where a guest fetches repositories of this machine."""

from arm_ci.guests import git_service


def test_a_directory_of_this_machine_is_served_to_the_guest_alone() -> None:
    daemon = "git daemon --inetd --export-all --strict-paths"
    assert git_service.network_option([]) == ""
    assert git_service.network_option(["/state/a b.git", "/state/c,d.git"]) == (
        f"guestfwd=tcp:10.0.2.100:9418-cmd:{daemon} '/state/a b.git' /state/c,,d.git"
    )


def test_its_address_there_has_the_whole_path_and_other_addresses_stay() -> None:
    assert git_service.url("/state/a.git") == "git://10.0.2.100/state/a.git"
    assert git_service.url("https://example.org/a.git") == "https://example.org/a.git"
