"""Connections to addresses that people typed in: judged once, and made to the very address judged."""

from accounts.outbound.dialling import Dialler
from accounts.outbound.locators import Locator, locate
from accounts.outbound.rules import AddressRefused, Allowed

__all__ = ["AddressRefused", "Allowed", "Dialler", "Locator", "locate"]
