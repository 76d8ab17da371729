"""Mistakes, one in each call: every type checker finds each of them, and nothing else."""

from __future__ import annotations

from airflow_profile_provider.hooks.agilenow import AgileNowHook
from airflow_profile_provider.hooks.communifire import CommunifireHook
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.operators.agilenow import AgileNowPushProfilesOperator
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.lightfield import LightfieldPushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.sonoran import SonoranPushProfilesOperator

OcambaPushProfilesOperator(
    task_id="a",
    record=[],  # wrong: name
)
OcambaPushProfilesOperator(
    task_id="b",
    fields=3,  # wrong: type
)
OcambaPushProfilesOperator(
    task_id="c",
    partition=(0, 1, 3),  # wrong: three
)
OcambaPushProfilesOperator(
    task_id="d",
    action="pusk",  # wrong: choice
)
OcambaPushProfilesOperator(
    task_id="e",
    nulls="drop",  # wrong: choice
)
OcambaPushProfilesOperator(
    task_id="f",
    key_type="email",  # wrong: choice
)
OcambaPushProfilesOperator(
    task_id="g",
    if_empty="warn",  # wrong: choice
)
OcambaPushProfilesOperator(
    task_id="h",
    concurrency=[4],  # wrong: type
)
OcambaPushProfilesOperator(
    task_id="i",
    write="put",  # wrong: another vendor's
)
OcambaPushProfilesOperator(
    task_id="j",
    retires=3,  # wrong: name, of Airflow's own
)
OcambaPushProfilesOperator(
    task_id="k",
    retries="three",  # wrong: type, of Airflow's own
)
OcambaPushProfilesOperator(records=[])  # wrong: no task_id
OcambaPushProfilesOperator(
    task_id="l",
    key=5,  # wrong: type
)
OcambaPushProfilesOperator(
    task_id="m",
    max_failed=[1],  # wrong: type
)
AgileNowPushProfilesOperator(
    task_id="n",
    write="patch",  # wrong: choice
)
AgileNowPushProfilesOperator(
    task_id="o",
    key_type="id",  # wrong: choice, by its case
)
CommunifirePushProfilesOperator(
    task_id="p",
    mode="insert",  # wrong: choice
)
LightfieldPushProfilesOperator(
    task_id="q",
    relationships=["$owner"],  # wrong: type
)
SonoranPushProfilesOperator(
    task_id="r",
    relationships={},  # wrong: another vendor's
)
SonoranPushProfilesOperator(
    task_id="s",
    rejects_path=7,  # wrong: type
)
OcambaPushProfilesOperator.partial(
    task_id="t",
    nulls="drop",  # wrong: choice, where it is mapped
)
OcambaPushProfilesOperator.partial(
    task_id="u",
    feilds=["comment"],  # wrong: name, where it is mapped
)
OcambaHook().push(
    [],
    key_type="Id",  # wrong: choice
)
OcambaHook().push(
    [],
    partition="(0, 4)",  # wrong: type
)
OcambaHook().push(
    [],
    relationship={},  # wrong: name
)
AgileNowHook().push(
    [],
    write="patch",  # wrong: choice
)
CommunifireHook().update_profile(
    "1",
    {},
    mode="insert",  # wrong: choice
)
CommunifireHook().explain(
    "1",
    limit=3,  # wrong: name
)
