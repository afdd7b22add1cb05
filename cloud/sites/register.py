"""The devices and meters of a site: as its files state them, and as the register has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from cloud.devices.model import RegisteredDevice
from cloud.devices.queries import register as devices
from cloud.ledger.queries import entered
from cloud.ledger.stated import StatedMeter
from cloud.sites.capacity import capacity, resolution
from contract.meter import Meter
from contract.operation import Text
from contract.point import POINTS
from contract.profile import decimal_scale
from contract.site import Site


@dataclass(frozen=True, slots=True)
class Register:
    """Devices and meters by id."""

    devices: Mapping[str, RegisteredDevice]
    meters: Mapping[str, StatedMeter]

    def device_of(self, meter: StatedMeter) -> RegisteredDevice | None:
        """The device by which a meter counts; None of one that is fed by hand, and where there is none such."""
        return None if meter.device is None else self.devices.get(meter.device)


def kept(connection: sa.Connection, group: str) -> Register:
    """The devices and meters of a group, as they were entered last, with those of births alone."""
    return Register(
        {one.id: one for one in devices.registered(connection, group)},
        {one.id: one for one in entered.meters(connection, group)},
    )


def stated(site: Site) -> Register:
    """What a site's files state."""
    return Register(_devices(site), {meter.id: _meter(site, meter) for meter in site.meters})


def name_of(name: Text) -> dict[str, str]:
    """A name as the slices have it."""
    return {"zh": name.zh, "en": name.en}


def _devices(site: Site) -> dict[str, RegisteredDevice]:
    return {
        device.id: RegisteredDevice(
            group=site.group,
            id=device.id,
            device_class=device.model.device_class,
            name=name_of(device.name),
            compound=device.compound,
            gateway=site.bus_by_id[device.bus].gateway,
            profile=device.profile,
            interval=device.poll_interval,
        )
        for device in site.devices
    }


def _meter(site: Site, meter: Meter) -> StatedMeter:
    most, (step, float32) = capacity(site, meter), resolution(site, meter)
    return StatedMeter(
        id=meter.id,
        name=name_of(meter.name),
        group=site.group,
        device=meter.device,
        point=meter.point,
        energy=meter.energy,
        parent=meter.parent,
        main=meter.main or (meter.vehicle_fuel and meter.parent is None),
        item=meter.item,
        compound=meter.compound,
        vehicle_fuel=meter.vehicle_fuel,
        modulus=site.rollover(meter),
        max_rate=meter.max_rate,
        ratio=_ratio(site, meter),
        capacity=None if most is None else most.value,
        capacity_from=None if most is None else most.source,
        resolution=step,
        float32=float32,
        commissioned=None if meter.commissioned is None else meter.commissioned.isoformat(),
        taken_out=None if meter.taken_out is None else meter.taken_out.isoformat(),
    )


def _ratio(site: Site, meter: Meter) -> str | None:
    """What one step of a counter's register is worth, in the point's unit: the profile's scale times the site's CT and PT."""
    if meter.device is None or meter.point not in POINTS:
        return None
    device = site.device_by_id[meter.device]
    mapped = device.model.points.get(meter.point)
    if mapped is None:
        return None
    numerator, divisor = decimal_scale(mapped, meter.point, device.ct, device.pt)
    return str(Decimal(numerator) / Decimal(divisor))
