"""software-engineering, emulation

A teaching computer has four registers of eight bits, a carry and a zero flag, and 64 cells of memory. Its
instructions load, store, add with carry, subtract with borrow, compare, jump on a flag, call and return with a stack
that grows down from the last cell. Write an emulator that runs a program for at most a number of steps and tells the
state at the end and why it ended: halted, steps used up, unknown instruction, or a stack that ran into the program.
"""

REGISTERS = 4
CELLS = 64

Program = list[tuple[str, int, int]]
"""Instruction with two operands; unused ones are 0."""


class Processor:
    def __init__(self, program: Program) -> None:
        self.registers = [0] * REGISTERS
        self.memory = [0] * CELLS
        self.carry = self.zero = False
        self.at = 0
        self.stack = CELLS
        self._program = program

    def run(self, steps: int) -> str:
        for _ in range(steps):
            if not 0 <= self.at < len(self._program):
                return "unknown instruction"
            name, a, b = self._program[self.at]
            self.at += 1
            if name == "halt":
                return "halted"
            if name not in ("load", "fetch", "store", "add", "sub", "cmp", "jump", "jz", "jc", "call", "ret"):
                return "unknown instruction"
            if name == "call" and self.stack <= len(self._program):
                return "stack ran into the program"
            self._do(name, a, b)
        return "steps used up"

    def _do(self, name: str, a: int, b: int) -> None:
        if name == "load":
            self.registers[a] = b % 256
        elif name == "fetch":
            self.registers[a] = self.memory[self.registers[b] % CELLS]
        elif name == "store":
            self.memory[self.registers[b] % CELLS] = self.registers[a]
        elif name == "add":
            self.registers[a] = self._flagged(self.registers[a] + self.registers[b] + self.carry)
        elif name in ("sub", "cmp"):
            borrow = self.carry if name == "sub" else False
            result = self._flagged(self.registers[a] - self.registers[b] - borrow)
            self.registers[a] = result if name == "sub" else self.registers[a]
        else:
            self._jump(name, a)

    def _jump(self, name: str, target: int) -> None:
        if name == "ret":
            self.at, self.stack = self.memory[self.stack % CELLS], self.stack + 1
            return
        if name == "call":
            self.stack -= 1
            self.memory[self.stack] = self.at
        if name in ("jump", "call") or (name == "jz" and self.zero) or (name == "jc" and self.carry):
            self.at = target

    def _flagged(self, value: int) -> int:
        self.carry, self.zero = not 0 <= value < 256, value % 256 == 0
        return value % 256
