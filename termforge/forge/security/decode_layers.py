"""Security: undo several layers of encoding on intercepted messages, one of them XOR with an unknown byte."""

import base64
import codecs
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Lines
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

SENTENCES = (
    "meet at the {place} at {hour}:30",
    "shipment {number} leaves from the {place}",
    "the {place} camera is off until {hour}:00",
    "token {number} expires after {hour} hours",
    "use the side door of the {place}, code {number}",
    "move {number} records to the {place} mirror",
)
PLACES = ("harbour", "warehouse", "old mill", "north gate", "archive", "boiler room", "depot", "roof")
MARKERS = ("NOTE", "TEXT", "MEMO", "WIRE")
CAPTURES = ("capture.psv", "messages.txt", "dump.psv", "beacons.log")
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "base32": base64.b32encode,
    "hex": lambda data: data.hex().encode(),
    "percent": lambda data: "".join(f"%{byte:02X}" for byte in data).encode(),
    "reverse": lambda data: data[::-1],
    "rot13": lambda data: codecs.encode(data.decode(), "rot13").encode(),
}
UNDONE = {
    "base64": "base64 -d",
    "base32": "base32 -d",
    "hex": "xxd -r -p",
    "percent": "perl -pe 's/%(..)/chr hex $1/ge'",
    "reverse": "rev",
    "rot13": "tr A-Za-z N-ZA-Mn-za-m",
    "xor": "perl unmask.pl $id",
}
TOLD = {
    "base64": "`base64`, `base32`: as in RFC 4648, with padding",
    "hex": "`hex`: two lower-case digits a byte",
    "percent": "`percent`: every byte as `%` and two upper-case hex digits",
    "reverse": "`reverse`: the characters in reverse order",
    "rot13": "`rot13`: each ASCII letter moved by 13 places",
    "xor": "`xor`: every byte combined by exclusive or with one byte, unknown and different for each message",
}


class Message(NamedTuple):
    name: str
    layers: tuple[str, ...]
    """The outermost first."""
    text: str
    key: int
    """Of the XOR layer; 0 without one."""

    @property
    def payload(self) -> str:
        data = self.text.encode()
        for layer in reversed(self.layers):
            data = bytes(byte ^ self.key for byte in data) if layer == "xor" else ENCODERS[layer](data)
        return data.decode()


class Capture(NamedTuple):
    folder: str
    path: str
    marker: str
    messages: tuple[Message, ...]
    """In byte order of their names."""

    @property
    def decoded(self) -> Lines:
        return Lines(f"{self.folder}/decoded.txt", tuple(f"{one.name} {one.text}" for one in self.messages))


def make(random: Random, setting: Setting) -> Fragment:
    folder = setting.folder
    marker = random.choice(MARKERS)
    messages = _drawn(random, setting.level, marker)
    capture = Capture(folder, f"{folder}/{random.choice(CAPTURES)}", marker, messages)
    lines = [f"{one.name}|{'+'.join(one.layers)}|{one.payload}" for one in messages]
    return Fragment(
        title="Decode the intercepted messages",
        brief=_brief(capture),
        files=(text_file(capture.path, "".join(f"{line}\n" for line in random.sample(lines, len(lines)))),),
        steps=_steps(random, capture),
        checks=_checks(capture),
        outputs=(capture.decoded.path, f"{folder}/keys.csv"),
        offers=(capture.decoded,),
    )


def _drawn(random: Random, level: int, marker: str) -> tuple[Message, ...]:
    """Every kind of layer occurs; XOR is innermost and made into text by the layer around it."""
    count = 9 + 2 * level
    names = [f"m{number:03d}" for number in sorted(random.sample(range(1000), count))]
    messages = []
    for place, name in enumerate(names):
        masked = place % 3 == 0
        inner = ("xor",) if masked else (random.choice(("rot13", "reverse")),)
        around = (random.choice(("base64", "base32", "hex", "percent")) if place > 3 else list(ENCODERS)[place],)
        outer = tuple(random.choice(sorted(ENCODERS)) for _ in range(random.randint(0, level)))
        sentence = random.choice(SENTENCES).format(
            place=random.choice(PLACES), hour=random.randint(1, 23), number=random.randint(100, 9999)
        )
        text = f"{marker}: {sentence}"
        messages.append(Message(name, (*outer, *around, *inner), text, random.randint(1, 255) if masked else 0))
    return tuple(messages)


def _used(capture: Capture) -> list[str]:
    return [layer for layer in UNDONE if any(layer in message.layers for message in capture.messages)]


def _brief(capture: Capture) -> str:
    told = "\n".join(f"- {TOLD[layer]}." for layer in TOLD if layer in {*_used(capture), "base64"})
    return f"""\
Each line of `{capture.path}` is `NAME|LAYERS|PAYLOAD`. The layers are joined by `+`, the outermost first: that one was
put on last. The kinds of layer:
{told}

Every message in clear is one line of ASCII that begins with `{capture.marker}: `.

Write `{capture.decoded.path}`: for each message a line with its name, one blank and the message in clear, sorted by
name. Write `{capture.folder}/keys.csv` with the header `name,key`: for each message with an `xor` layer its byte as two
lower-case hex digits, sorted by name."""


def _steps(random: Random, capture: Capture) -> tuple[Step, ...]:
    folder, script = capture.folder, f"{capture.folder}/decode.sh"
    look = step(
        random,
        (
            "Which combinations of layers occur decides what I need to undo, so I count the layers first.",
            "I look at the format and at the kinds of layer before I write anything.",
        ),
        ("Show the beginning of some lines and count the layers.",),
        run(f"cut -c -100 {capture.path} | head -n 8; wc -l {capture.path}"),
        run(f"cut -d '|' -f 2 {capture.path} | tr + '\\n' | sort | uniq -c"),
    )
    unmask = step(
        random,
        (
            f"An XOR layer with one byte gives itself away: the first byte of the text is {capture.marker[0]}, so the "
            "key is the first masked byte combined with it. The result may hold any byte, so it stays in files.",
            f"Every text begins with {capture.marker}, which makes the unknown byte the first byte combined with "
            f"{capture.marker[0]}. A few lines of perl unmask a message and note the key.",
        ),
        ("Write the program for the XOR layer, and a loop that undoes one layer after the other.",),
        write(f"{folder}/unmask.pl", _unmask(capture)),
        write(script, _script(capture)),
    )
    decode = step(
        random,
        (
            "Both programs are written. Run the loop over the messages sorted by name.",
            "Now the loop does the work; each line of the result must begin with the marker after its name.",
        ),
        ("Run it and read the messages and the keys.", "Decode everything, then check that no line is garbled."),
        run(f"bash {script}", 2.0),
        run(f"cat {capture.decoded.path}"),
        run(f"grep -vc ' {capture.marker}: ' {capture.decoded.path}; cat {folder}/keys.csv"),
    )
    return look, unmask, decode


def _unmask(capture: Capture) -> str:
    return f"""
use strict;
use warnings;

local $/;
my $data = <STDIN>;
my $key = ord($data) ^ ord("{capture.marker}");
open my $keys, ">>", "{capture.folder}/keys.csv" or die;
printf $keys "%s,%02x\\n", $ARGV[0], $key;
print map {{ chr(ord($_) ^ $key) }} split //, $data;
"""


def _script(capture: Capture) -> str:
    cases = "\n".join(f"        {layer}) {UNDONE[layer]} ;;" for layer in _used(capture))
    return f"""
set -eu
cd {capture.folder}
undo() {{
    case $1 in
{cases}
    esac
}}
echo name,key > keys.csv
: > decoded.txt
work=$(mktemp -d)
LC_ALL=C sort {capture.path} | while IFS='|' read -r id layers payload; do
    printf %s "$payload" > $work/inner
    for layer in ${{layers//+/ }}; do
        mv $work/inner $work/outer
        undo $layer < $work/outer > $work/inner
    done
    echo "$id $(cat $work/inner)" >> decoded.txt
done
rm -r $work
"""


def _checks(capture: Capture) -> tuple[Check, ...]:
    plain = [f"{one.name} {one.text}" for one in capture.messages if not one.key]
    hidden = [f"{one.name} {one.text}" for one in capture.messages if one.key]
    keys = [["name", "key"], *([one.name, f"{one.key:02x}"] for one in capture.messages if one.key)]
    path = capture.decoded.path
    return (
        Check("order", f"assert [line.split(' ')[0] for line in lines({path!r})] == {literal(_names(capture))}"),
        Check(
            "encoded_messages", f"found = lines({path!r})\nfor line in {literal(plain)}:\n    assert line in found", 2.0
        ),
        Check(
            "masked_messages", f"found = lines({path!r})\nfor line in {literal(hidden)}:\n    assert line in found", 3.0
        ),
        Check("keys", f"assert table({f'{capture.folder}/keys.csv'!r}) == {literal(keys)}"),
    )


def _names(capture: Capture) -> list[str]:
    return [one.name for one in capture.messages]


SKILL = Skill(
    name="security/decode-layers",
    domain="security",
    folders=("intercepts", "decoding", "beacon", "wiretap"),
    tools=(
        *("base32", "base64", "bash", "cat", "cut", "grep", "head", "mktemp", "mv", "perl", "rev", "rm", "sort", "tr"),
        *("uniq", "wc", "xxd"),
    ),
    make=make,
    offers=(Lines,),
)
