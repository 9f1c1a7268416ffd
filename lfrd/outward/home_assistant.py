"""What Home Assistant is told so that it finds a site by itself: MQTT discovery. Pure.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from lfrd.vocabulary import OutwardKind

ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"
BIRTH_TOPIC = "status"
"""Under the discovery prefix: Home Assistant says there that it has started."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Where the states of the site `node` are: below `prefix/node`."""

    root: str
    node: str

    @property
    def prefix(self) -> str:
        return f"{self.root}/{self.node}"

    @property
    def kept_below(self) -> tuple[str, ...]:
        """The folders of retained states that come and go."""
        return (f"{self.prefix}/camera/",)

    @property
    def configs(self) -> tuple[str, ...]:
        """The retained configurations of this site, below the discovery prefix."""
        return (f"+/lfrd_{self.node}/+/config",)

    @property
    def status(self) -> str:
        """`online` while connected, else `offline`: the last will."""
        return f"{self.prefix}/status"

    @property
    def health(self) -> str:
        """`ok`, `degraded` or `failed`."""
        return f"{self.prefix}/health"

    @property
    def deployment(self) -> str:
        """`ON` while a deployment runs, else `OFF`."""
        return f"{self.prefix}/deployment"

    @property
    def candidates(self) -> str:
        """How many candidates wait for review."""
        return f"{self.prefix}/candidates"

    @property
    def event(self) -> str:
        """Messages as they happen, as JSON; not retained."""
        return f"{self.prefix}/event"

    def camera(self, camera_id: str) -> str:
        """`ON` while it gives pictures, `OFF` while it should and does not, `idle` else."""
        return f"{self.prefix}/camera/{camera_id}"


@dataclass(frozen=True, slots=True)
class SeenCamera:
    id: str
    name: str


def discovery(
    topics: Topics, discovery_prefix: str, version: str, cameras: Sequence[SeenCamera]
) -> dict[str, str]:
    """Configuration topics and their payloads, all of them retained."""
    node = topics.node
    shared = {
        "availability_topic": topics.status,
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
        "device": {
            "identifiers": [f"lfrd_{node}"], "name": f"lfrd {node}", "manufacturer": "lfrd",
            "model": "live facial recognition daemon", "sw_version": version,
        },
        "origin": {"name": "lfrd", "sw_version": version},
    }  # fmt: skip
    found: dict[str, str] = {}

    def entity(component: str, object_id: str, name: str, state: str, **more: object) -> None:
        config = {
            "name": name, "unique_id": f"lfrd_{node}_{object_id}", "state_topic": state, **shared,
            **more,
        }  # fmt: skip
        topic = f"{discovery_prefix}/{component}/lfrd_{node}/{object_id}/config"
        found[topic] = json.dumps(config)

    entity(
        "binary_sensor", "deployment", "Deployment", topics.deployment,
        device_class="running", payload_on=ON, payload_off=OFF,
    )  # fmt: skip
    entity(
        "sensor", "candidates", "Candidates for review", topics.candidates,
        state_class="measurement", unit_of_measurement="candidates", icon="mdi:account-eye",
    )  # fmt: skip
    entity(
        "sensor", "health", "Health", topics.health,
        device_class="enum", options=["ok", "degraded", "failed"],
        entity_category="diagnostic",
    )  # fmt: skip
    entity(
        "event", "event", "Event", topics.event,
        event_types=[kind.value for kind in OutwardKind],
        value_template="{{ {'event_type': value_json.type} | tojson }}",
    )  # fmt: skip
    for camera in cameras:
        entity(
            "binary_sensor", f"camera_{camera.id}", f"Camera {camera.name}",
            topics.camera(camera.id), device_class="connectivity", payload_on=ON, payload_off=OFF,
            value_template=f"{{{{ value if value in ('{ON}', '{OFF}') else 'None' }}}}",
        )  # fmt: skip
    return found
