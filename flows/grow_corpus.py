"""grow-corpus: one night of growth, from prompts, seeds and skills to a loadable corpus.

    adapt ┐
    synthesize ├─ validate ─ roll out ─ curate
    forge ┘

Each stage is a flow of its own with the same parameters; every result is a dataset version in the store. Keys of
services come from the worker's environment. Nothing is cached by Prefect: a finished version is found in the store.
"""

from prefect import flow

from flows.adapt_prompts import (
    SAMPLE_PROMPTS,
    Column,
    License,
    NearDuplicates,
    PromptColumn,
    PromptKind,
    PromptRows,
    Prompts,
    SolutionColumn,
    TestsColumn,
    adapt_prompts,
)
from flows.curate_corpus import CompleteOnly, SuccessOnly, curate_corpus
from flows.forge_tasks import PerDomain, forge_tasks
from flows.parameters import (
    ApiBase,
    Concurrency,
    Dollars,
    Images,
    Measured,
    Model,
    Night,
    OutputTokens,
    Sandbox,
    Seed,
    ShardRows,
    StorePath,
    Temperature,
    Template,
    Tokens,
    Work,
    described,
    night_or_date,
    run_name,
)
from flows.roll_out import ObservationMode, Overflow, Recorded, ReplyFormat, Samples, SlipRate, WaitMode, roll_out
from flows.synthesize_tasks import FromSeeds, FromSkills, synthesize_tasks
from flows.validate_tasks import Mutants, OracleRuns, validate_tasks
from termforge.errors import InputError
from termforge.schemas import DatasetRef
from termforge.stages.difficulty import lacking
from termforge.store import Store


@flow(flow_run_name=run_name)
@described
def grow_corpus(
    night: Night = "",
    store: StorePath = "store",
    prompts: Prompts = SAMPLE_PROMPTS,
    prompt_kind: PromptKind = "math",
    prompt_rows: PromptRows = None,
    prompt_column: PromptColumn = "problem",
    answer_column: Column = None,
    solution_column: SolutionColumn = None,
    tests_column: TestsColumn = None,
    entry_point_column: Column = None,
    id_column: Column = None,
    prompt_license: License = "",
    near_duplicates: NearDuplicates = None,
    forged_per_domain: PerDomain = 4,
    synthesized_from_skills: FromSkills = 0,
    synthesized_from_seeds: FromSeeds = 0,
    seed: Seed = "0",
    measured: Measured = "",
    oracle_runs: OracleRuns = 2,
    mutants: Mutants = 0,
    teacher: Model = "termforge/oracle",
    api_base: ApiBase = None,
    temperature: Temperature = None,
    max_output_tokens: OutputTokens = 8192,
    slip_rate: SlipRate = 0.15,
    samples: Samples = 1,
    template: Template = "termforge",
    reply_format: ReplyFormat = "json",
    observation_mode: ObservationMode = "clean",
    overflow: Overflow = "end",
    wait_mode: WaitMode = "settle",
    record: Recorded = False,
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    complete_only: CompleteOnly = False,
    success_only: SuccessOnly = False,
    sandbox: Sandbox = "auto",
    images: Images = "auto",
    concurrency: Concurrency = 64,
    shard_rows: ShardRows = 100,
    work: Work = None,
) -> DatasetRef:
    """Grow the corpus by one night. The same night with the same settings goes on where it was interrupted."""
    night = night_or_date(night)
    place = {"night": night, "store": store}
    machine = {"sandbox": sandbox, "images": images}
    spending = {"budget_usd": budget_usd, "budget_tokens": budget_tokens}
    shards = {"concurrency": concurrency, "shard_rows": shard_rows, "work": work}
    asked = {
        "teacher": teacher,
        "api_base": api_base,
        "temperature": temperature,
        "max_output_tokens": max_output_tokens,
    }
    standing = Store(store).resolve(measured, "difficulties") if measured else None
    sources: list[DatasetRef] = []
    if prompts:
        columns = {
            "prompt_column": prompt_column,
            "answer_column": answer_column,
            "solution_column": solution_column,
            "tests_column": tests_column,
            "entry_point_column": entry_point_column,
            "id_column": id_column,
        }
        sources.append(
            adapt_prompts(
                kind=prompt_kind,
                prompts=prompts,
                prompt_rows=prompt_rows,
                license=prompt_license,
                near_duplicates=near_duplicates,
                **columns,
                **place,
                **machine,
            )
        )
    if synthesized_from_skills or synthesized_from_seeds:
        sources.append(
            synthesize_tasks(
                from_skills=synthesized_from_skills,
                from_seeds=synthesized_from_seeds,
                seed=seed,
                deficits=lacking(Store(store), standing),
                concurrency=concurrency,
                work=work,
                **asked,
                **spending,
                **place,
                **machine,
            )
        )
    if forged_per_domain:
        sources.append(forge_tasks(per_domain=forged_per_domain, seed=seed, measured=measured, **place, **machine))
    if not sources:
        raise InputError("nothing to grow from: name prompts, or ask for forged or synthesized tasks")
    sound = validate_tasks(
        sources=[str(source) for source in sources],
        oracle_runs=oracle_runs,
        mutants=mutants,
        **place,
        **machine,
        **shards,
    )
    trajectories = roll_out(
        tasks=str(sound),
        slip_rate=slip_rate,
        samples=samples,
        template=template,
        reply_format=reply_format,
        observation_mode=observation_mode,
        overflow=overflow,
        wait_mode=wait_mode,
        record=record,
        **asked,
        **spending,
        **place,
        **machine,
        **shards,
    )
    return curate_corpus(
        trajectories=str(trajectories), complete_only=complete_only, success_only=success_only, **place
    )
