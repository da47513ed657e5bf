"""Creates the stack in an emulator, or brings it up to date, and prints the environment for worker and producer.

Called by `up`. Hides how outputs of the stack become IMAGE_FLEET_* variables.
"""

import argparse
import os
import pathlib
import shlex
import sys
import time

import botocore.session
from botocore.exceptions import ClientError

STACK = "image-fleet"
REGION = "us-east-1"
TEMPLATE = pathlib.Path(__file__).parent.parent / "cloudformation" / "image-fleet.yaml"
VARIABLES = {
    "IMAGE_FLEET_SOURCE_BUCKET": "SourceBucket",
    "IMAGE_FLEET_SOURCE_PREFIX": "SourcePrefix",
    "IMAGE_FLEET_VARIANTS_BUCKET": "VariantsBucket",
    "IMAGE_FLEET_QUEUE_URL": "QueueUrl",
    "IMAGE_FLEET_TABLE": "Table",
    "IMAGE_FLEET_TOPIC_ARN": "TopicArn",
}


def main() -> int:
    arguments = parse_arguments()
    session = botocore.session.get_session()
    session.set_credentials(arguments.account, "local")
    client = session.create_client("cloudformation", region_name=REGION, endpoint_url=arguments.endpoint)
    stack = deploy(client, dict(arguments.parameter))
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        report_failure(client, stack)
        return 1
    for name, value in environment(arguments, stack).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--parameter", action="append", default=[], type=lambda text: tuple(text.split("=", 1)))
    return parser.parse_args()


def deploy(client, parameters: dict) -> dict:
    request = {
        "StackName": STACK,
        "TemplateBody": TEMPLATE.read_text(),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    try:
        client.create_stack(**request)
    except client.exceptions.AlreadyExistsException:
        update(client, request)
    while True:
        stack = client.describe_stacks(StackName=STACK)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(0.05)


def update(client, request: dict) -> None:
    """Parameters that are not given keep the values that they have, as people expect of running `up` again."""
    given = {parameter["ParameterKey"] for parameter in request["Parameters"]}
    for parameter in client.describe_stacks(StackName=STACK)["Stacks"][0].get("Parameters", []):
        if parameter["ParameterKey"] not in given:
            request["Parameters"].append({"ParameterKey": parameter["ParameterKey"], "UsePreviousValue": True})
    try:
        client.update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise


def report_failure(client, stack: dict) -> None:
    print(f"stack {STACK}: {stack['StackStatus']}", file=sys.stderr)
    for event in client.describe_stack_events(StackName=STACK)["StackEvents"]:
        if event["ResourceStatus"].endswith("_FAILED"):
            print(f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason')}", file=sys.stderr)


def environment(arguments: argparse.Namespace, stack: dict) -> dict:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    aws = {
        "AWS_ENDPOINT_URL": arguments.endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": arguments.account,
        "AWS_SECRET_ACCESS_KEY": "local",
        "NO_PROXY": os.environ.get("NO_PROXY", "127.0.0.1,localhost"),
    }
    return aws | {name: outputs[output] for name, output in VARIABLES.items()}


if __name__ == "__main__":
    sys.exit(main())
