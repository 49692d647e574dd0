#!/usr/bin/env bash
# Draws what three days look like in a terminal of 100 columns: docs/images/terminal.svg, for the README.
#
# usage: terminal-picture.sh [BINARY]     default: target/release/cardlake, as `make run` builds it; needs tmux
set -euo pipefail
cd "$(dirname "$0")/.."

binary=$(realpath "${1:-target/release/cardlake}")
python=$(scripts/python-env.sh target/python-terminal scripts/terminal-picture-requirements.txt)
folder=$(mktemp -d)
server=cardlake-picture-$$
trap 'tmux -L "$server" kill-server 2>/dev/null || true; rm -rf "$folder"' EXIT

call='cardlake run --from 2026-01-13 --to 2026-01-15'
cat >"$folder/show" <<SHOW
cd "$folder"
cardlake() { "$binary" "\$@"; }
printf '\033[1m\$ $call\033[0m\n'
$call
tmux -L "$server" wait-for -S shown
sleep 60
SHOW
env -u NO_COLOR -u CARDLAKE_DATA_DIR TERM=xterm-256color \
  tmux -L "$server" -f /dev/null new-session -d -x 100 -y 60 "bash $folder/show"
tmux -L "$server" wait-for shown
tmux -L "$server" capture-pane -e -p >"$folder/screen"

"$python" - "$folder/screen" docs/images/terminal.svg <<'PYTHON'
import io
import re
import sys

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

screen, picture = sys.argv[1:]
# A dark theme whose eight colours can be told apart and read: contrast of at least 4.5 to 1 against the background.
theme = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34), (88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196)],
    [(139, 148, 158), (255, 161, 152), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255), (86, 212, 221), (255, 255, 255)],
)
console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True, color_system="256")
with open(screen) as lines:
    console.print(Text.from_ansi(lines.read().rstrip()), soft_wrap=True, end="\n\n")
svg = console.export_svg(title="cardlake", theme=theme, unique_id="terminal")
# Nothing is fetched from elsewhere: the fonts of the reader's own machine do.
svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
svg = svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace")
svg = svg.replace("<svg ", '<svg role="img" aria-label="cardlake run: three days, what became of every row, seconds of each stage" ', 1)
with open(picture, "w") as file:
    file.write(re.sub(r"[ \t]+\n", "\n", svg))
PYTHON
