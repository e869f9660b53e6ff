"""Write the golden synthesis prompts anew: `python -m tests.golden.synthesis` from the root of the checkout.

Whoever changes a word that the teacher reads raises the number in termforge.synthesize.prompt.GENERATORS first.
"""

from pathlib import Path

from termforge.images import Inventory
from termforge.schemas import ImageRecipe, digest
from termforge.synthesize import Environment, Reason, SeedProblem, SynthesisRequest
from termforge.synthesize.prompt import GENERATORS, conversation, repair_conversation
from termforge.synthesize.request import DIFFICULTIES, RefusedReply
from termforge.synthesize.taxonomy import taxonomy

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
    refused, nothing = (RefusedReply(request=SKILL, reply=reply) for reply in ("Here it is.", ""))
    repair = repair_conversation(refused, Reason.OUTSIDE_TEXT, "and no section begins a line", ENVIRONMENT)
    asked_anew = repair_conversation(nothing, Reason.TRUNCATED, "at 8192 tokens", ENVIRONMENT)
    messages = [*conversation(SKILL, ENVIRONMENT), conversation(SEED, ENVIRONMENT)[1], repair[-1], asked_anew[-1]]
    shown = [f"==== {message.role}\n{message.content}" for message in messages]
    return "\n".join([*GENERATORS.values(), *shown, "==== every domain with all of its skills", *domains(), ""])


def domains() -> list[str]:
    """What a teacher reads of each, by its hash."""
    lines = []
    for domain, module in taxonomy().domains.items():
        names = tuple(skill.name for skill in module.skills)
        for difficulty in DIFFICULTIES:
            request = SKILL.model_copy(update={"domain": domain, "difficulty": difficulty, "skills": names})
            texts = [message.content for message in conversation(request, ENVIRONMENT)]
            lines.append(f"{domain}, {difficulty}: {digest(texts)}")
    return lines


if __name__ == "__main__":
    FILE.write_text(rendered())
