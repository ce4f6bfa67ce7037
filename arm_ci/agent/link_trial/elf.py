"""Whether a file is a whole ELF file: some linkers say that all is well and leave a broken one (elf(5))."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Optional, Tuple

_NO_BITS = 8
_TYPES = (1, 2, 3)  # ET_REL, ET_EXEC, ET_DYN
_HEADERS = {
    # class -> fields of the header after e_ident; of a program header, and where p_offset and p_filesz are in it;
    # of a section header, and where sh_type, sh_offset and sh_size are
    1: ("HHIIIIIHHHHHH", "IIIII", (1, 4), "IIIIII", (1, 4, 5)),
    2: ("HHIQQQIHHHHHH", "IIQQQQ", (2, 5), "IIQQQQ", (1, 4, 5)),
}


def fault(path: str) -> str:
    """What is wrong with an ELF file, in half a sentence; empty: nothing that its headers show."""
    try:
        with open(path, "rb") as file:
            return _fault(file, os.fstat(file.fileno()).st_size) or ""
    except OSError as error:
        return "it cannot be read: {}".format(error.strerror)
    except struct.error:
        return "its headers end too early"


def _fault(file: BinaryIO, size: int) -> Optional[str]:
    start = file.read(16)
    if start[:4] != b"\x7fELF":
        return "it is no ELF file"
    if start[4] not in _HEADERS or start[5] not in (1, 2):
        return "its first bytes are no valid ELF header"
    order = "<" if start[5] == 1 else ">"
    header, program, program_places, section, section_places = _HEADERS[start[4]]
    fields = _unpack(file, 16, order + header)
    programs_at, sections_at = fields[4], fields[5]
    program_size, programs, section_size, sections = fields[8], fields[9], fields[10], fields[11]
    if fields[0] not in _TYPES:
        return "it is neither a program nor a library nor an object"
    for index in range(programs):
        values = _unpack(file, programs_at + index * program_size, order + program)
        if values[program_places[0]] + values[program_places[1]] > size:
            return "segment {} ends behind the end of the file".format(index)
    for index in range(sections):
        values = _unpack(file, sections_at + index * section_size, order + section)
        kind, offset, length = (values[place] for place in section_places)
        if kind not in (0, _NO_BITS) and offset + length > size:
            return "section {} ends behind the end of the file".format(index)
    return None


def _unpack(file: BinaryIO, offset: int, form: str) -> Tuple[int, ...]:
    file.seek(offset)
    return struct.unpack(form, file.read(struct.calcsize(form)))
