import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from termforge.errors import InputError
from termforge.train import recipes

PAPER = ["8b", "14b", "32b"]


def test_every_shipped_recipe_loads_under_its_own_name():
    assert recipes.names() == ["14b", "32b", "8b", "tiny"]
    assert all(recipes.load(name).name == name for name in recipes.names())


@pytest.mark.parametrize("name", PAPER)
def test_hyper_parameters_are_the_papers(name):
    recipe = recipes.load(name)
    assert recipe.base == f"Qwen/Qwen3-{name.upper()}"
    assert (recipe.learning_rate, recipe.weight_decay, recipe.epochs) == (2e-5, 1e-4, 2)
    assert (recipe.betas, recipe.gradient_clip, recipe.warmup) == ((0.9, 0.95), 1.0, 0.1)
    assert (recipe.max_length, recipe.global_batch, recipe.micro_batch) == (32_768, 128, 1)
    assert (recipe.machines, recipe.processes) == {"8b": (4, 32), "14b": (4, 32), "32b": (16, 128)}[name]
    assert recipe.sequence_parallel == {"8b": 2, "14b": 2, "32b": 1}[name]
    assert not recipe.packing
    assert recipe.lora is None


@pytest.mark.parametrize("name", PAPER)
def test_steps_are_the_papers(name):
    recipe = recipes.load(name)
    assert recipe.steps(490_520) == 7_664
    assert 5_720 <= recipe.steps(366_154) <= 5_722


@pytest.mark.parametrize("name", recipes.names())
def test_processes_micro_batches_and_accumulation_make_the_global_batch(name):
    recipe = recipes.load(name)
    accumulation = recipe.accumulation(recipe.processes)
    sequences = recipe.processes // recipe.sequence_parallel * recipe.micro_batch
    assert recipe.processes % recipe.sequence_parallel == 0
    assert sequences * accumulation == recipe.global_batch


def test_fewer_processes_keep_the_global_batch():
    recipe = recipes.load("8b")
    assert recipe.accumulation(8) == 32
    assert recipe.accumulation(2) == 128
    with pytest.raises(InputError, match="share each sequence"):
        recipe.accumulation(1)
    with pytest.raises(InputError, match="not a multiple"):
        recipe.accumulation(6)


@pytest.mark.parametrize("name", PAPER)
def test_deepspeed_shards_and_offloads_but_leaves_the_numbers_to_the_recipe(name):
    recipe = recipes.load(name)
    file = recipes.deepspeed_file(recipe)
    assert file is not None
    settings = json.loads(file.read_text())
    recipes.check_deepspeed(settings, recipe)
    zero = settings["zero_optimization"]
    assert zero["stage"] == 3
    assert zero["offload_optimizer"]["device"] == zero["offload_param"]["device"] == "cpu"
    assert zero["stage3_gather_16bit_weights_on_model_save"]
    with pytest.raises(InputError, match="train_batch_size"):
        recipes.check_deepspeed(settings | {"train_batch_size": 64}, recipe)
    with pytest.raises(InputError, match="optimizer"):
        recipes.check_deepspeed(settings | {"optimizer": {}}, recipe)


@pytest.mark.train
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", recipes.names())
def test_accelerate_reads_its_file(name):
    from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file

    config = load_config_from_file(str(recipes.accelerate_file(recipes.load(name))))
    assert isinstance(config, ClusterConfig)
    assert config.distributed_type == ("NO" if name == "tiny" else "DEEPSPEED")


@pytest.mark.train
@pytest.mark.filterwarnings("ignore")
def test_deepspeed_reads_its_file():
    from accelerate import DeepSpeedPlugin

    plugin = DeepSpeedPlugin(hf_ds_config=str(recipes.deepspeed_file(recipes.load("8b"))), zero3_init_flag=False)
    assert plugin.zero_stage == 3
    assert plugin.hf_ds_config.is_offload()


def test_a_recipe_may_be_a_file(tmp_path: Path):
    fields = recipes.load("tiny").model_dump(mode="json") | {"name": "mine", "lora": {"rank": 4, "alpha": 8}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(fields))
    recipe = recipes.load(str(tmp_path / "mine.yaml"))
    assert recipe.name == "mine"
    assert recipe.lora == recipes.Lora(rank=4, alpha=8)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"learning_rat": 1.0}, "learning_rat"),
        ({"processes": 3}, "global batch"),
        ({"machines": 2}, "spread evenly"),
        ({"packing": True, "sequence_parallel": 2, "processes": 2, "deepspeed": "zero3-offload.json"}, "exclude"),
        ({"sequence_parallel": 2, "processes": 2}, "deepspeed"),
        ({"sequence_parallel": 3, "processes": 3, "deepspeed": "zero3-offload.json"}, "max_length"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused(tmp_path: Path, change: dict[str, object], complaint: str):
    fields = recipes.load("tiny").model_dump(mode="json") | change
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(fields))
    with pytest.raises(InputError, match=complaint):
        recipes.load(str(tmp_path / "bad.yaml"))


def test_an_unknown_recipe_names_the_known_ones():
    with pytest.raises(InputError, match="14b, 32b, 8b, tiny"):
        recipes.load("9b")


def test_what_a_flow_imports_does_not_import_torch():
    code = (
        "import sys; from termforge.train import launch, recipes, record; recipes.load('8b');"
        "print(sorted({'torch', 'transformers', 'trl', 'datasets', 'deepspeed', 'accelerate'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
