"""Write the golden synthesis prompts anew: `python -m tests.golden.synthesis` from the root of the checkout.

Whoever changes a word that the teacher reads raises the number in termforge.synthesize.prompt.GENERATORS first.
"""

from pathlib import Path

from termforge.images import Inventory
from termforge.schemas import ImageRecipe
from termforge.synthesize import Environment, Reason, SeedProblem, SynthesisRequest
from termforge.synthesize.prompt import GENERATORS, conversation, repair_turn

FILE = Path(__file__).parent / "synthesis_prompts.txt"

ENVIRONMENT = Environment(
    ImageRecipe(name="security", recipe="0123456789abcdef"),
    Inventory(
        apt={"curl": "7.88", "libc6": "2.36", "python3": "3.11.2"},
        python={"cryptography": "47.0", "cffi": "2.0"},
        commands=("curl",),
    ),
)
SKILLS = ("decode-layers", "log-forensics", "permission-audit")
SKILL = SynthesisRequest(origin="skill 1-0", domain="security", difficulty="mixed", skills=SKILLS)
SEED = SynthesisRequest(
    origin="seed sums",
    domain="security",
    difficulty="easy",
    seed_problem=SeedProblem(id="sums", field="arithmetic", problem="Add {{ numbers }}.", reference="print(sum(x))"),
)


def rendered() -> str:
    """Everything a teacher may read, after the versions of its wording."""
    repair = repair_turn("Sure, here it is.", Reason.OUTSIDE_TEXT, "line 1: Sure, here it is.")
    messages = [*conversation(SKILL, ENVIRONMENT), conversation(SEED, ENVIRONMENT)[1], repair[1]]
    return "\n".join([*GENERATORS.values(), *(f"==== {message.role}\n{message.content}" for message in messages)])


if __name__ == "__main__":
    FILE.write_text(rendered())
