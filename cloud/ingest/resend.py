"""Ask gateways for rows that they keep, after the stores were restored from a backup: NCMD `Store/Resend`."""

from __future__ import annotations

import json

import aiomqtt

from cloud.settings import Settings
from contract import sparkplug
from contract.reaching import why
from contract.site import Site
from contract.sparkplug import Born, DataType
from contract.topics import Topic


async def ask(settings: Settings, site: Site, gateways: list[str], span: tuple[int, int], now: int) -> None:
    """Ask each gateway once; one that is not online does not hear it and must be asked again.

    Args:
        settings: Where the broker is and who we are there.
        site: Whose group the gateways are in.
        gateways: Their ids.
        span: From (included) and to (excluded), ms, times of measurement.
        now: ms, when it is asked.

    Raises:
        OSError: The broker cannot be reached or refuses us.
    """
    asked = Born(sparkplug.STORE_RESEND, DataType.STRING, json.dumps({"from": span[0], "to": span[1]}))
    try:
        async with aiomqtt.Client(
            settings.mqtt_host,
            settings.mqtt_port,
            username=settings.mqtt_user or None,
            password=settings.mqtt_password(),
            timeout=10,
            tls_context=settings.mqtt_tls(),
        ) as client:
            for gateway in gateways:
                await client.publish(str(Topic(site.group, "NCMD", gateway)), sparkplug.command([asked], at=now), qos=0)
    except aiomqtt.MqttError as error:
        tls = settings.mqtt_ca_file is not None
        raise OSError(f"the broker cannot be asked: {why(error, settings.mqtt_host, settings.mqtt_port, tls=tls)}") from error
