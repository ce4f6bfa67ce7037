"""User-data that people add: what cloud-init would pass over in silence is told; what is good comes before ours."""

from pathlib import Path

import pytest
import yaml
from first_starts import PUBLIC_KEY, first_start

from arm_ci.guests.cloud_init import user_data
from arm_ci.guests.errors import ImageError
from arm_ci.guests.own_user_data import checked_cloud_config, checked_ignition, merged

TALK = Path(__file__).parent / "data" / "talk-user-data"


def mistakes(text: str) -> list[str]:
    with pytest.raises(ImageError) as raised:
        checked_cloud_config(text)
    return str(raised.value).splitlines()


def test_all_three_mistakes_of_the_talk_are_told():
    assert mistakes(TALK.read_text()) == [
        "the first line is not `#cloud-config`; without it cloud-init does not know what it is",
        "there is no key `Users`; cloud-init's are in small letters: `users`",
        "Users[0].ssh_authorized_keys[0]: `ssh-ecdsa` is no type of a public key; "
        "this one is of the type `ecdsa-sha2-nistp256`",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#cloud-config\n- a", "keys with values were expected"),
        (
            "#cloud-config\na: [",
            "it is no YAML: while parsing a flow node expected the node content, but found '<stream end>' "
            'in "<unicode string>", line 2, column 5: a: [ ^',
        ),
        (
            "#cloud-config\nssh_authorized_keys: [hello]",
            "ssh_authorized_keys[0]: `hello` is no type of a public key; expected one of ssh-ed25519, "
            "ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, ecdsa-sha2-nistp521, ssh-rsa, sk-ssh-ed25519@openssh.com, "
            "sk-ecdsa-sha2-nistp256@openssh.com",
        ),
    ],
)
def test_what_is_wrong_is_told(text, message):
    assert mistakes(text) == [message]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#cloud-config\n", {}),
        ("#cloud-config \r\nusers: [default]\n", {"users": ["default"]}),
        (
            f"#cloud-config\nusers:\n- name: a\n  ssh_authorized_keys: ['{PUBLIC_KEY}']\n",
            {"users": [{"name": "a", "ssh_authorized_keys": [PUBLIC_KEY]}]},
        ),
    ],
)
def test_what_is_good_is_taken(text, said):
    assert checked_cloud_config(text) == said


def test_theirs_counts_and_lists_of_things_to_do_are_joined():
    theirs = {"runcmd": ["a"], "ssh_pwauth": True, "apt": {"proxy": "http://proxy:3142"}, "packages": ["vim"]}
    ours = {"runcmd": ["b"], "ssh_pwauth": False, "users": []}
    assert merged(theirs, ours) == {
        "runcmd": ["a", "b"],
        "ssh_pwauth": True,
        "users": [],
        "apt": {"proxy": "http://proxy:3142"},
        "packages": ["vim"],
    }


def test_it_stands_in_the_user_data_of_a_guest():
    said = yaml.safe_load(user_data(first_start(swap_device=""), "#cloud-config\nruncmd: [[date]]\nusers: [default]\n"))
    assert said["runcmd"][0] == ["date"]
    assert said["runcmd"][1][0] == "sh"
    assert [each if isinstance(each, str) else each["name"] for each in said["users"]] == ["default", "arm-ci"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variant: fcos", "it is no JSON: Expecting value: line 1 column 1 (char 0) (butane makes JSON of YAML)"),
        ("[]", "it is no Ignition configuration of version 3: `ignition.version` is missing, or another one"),
        (
            '{"ignition": {"version": "2.3.0"}}',
            "it is no Ignition configuration of version 3: `ignition.version` is missing, or another one",
        ),
    ],
)
def test_what_is_no_ignition_configuration_is_told(text, message):
    with pytest.raises(ImageError) as raised:
        checked_ignition(text)
    assert str(raised.value) == message


def test_an_ignition_configuration_is_taken_as_it_is():
    assert checked_ignition('{"ignition": {"version": "3.4.0"}}') == '{"ignition": {"version": "3.4.0"}}'
