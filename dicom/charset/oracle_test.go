package charset_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"radagora/dicom/charset"
)

// oracle makes pydicom print, for each element of each of its character set
// files, one JSON line with the declared terms, the kind, the bytes and its text.
const oracle = `
import glob, json, os, warnings
import pydicom, pydicom.charset, pydicom.data
warnings.simplefilter("ignore")
folder = os.path.join(os.path.dirname(pydicom.data.__file__), "charset_files")
def walk(ds, terms, name):
    own = ds.get("SpecificCharacterSet", None)
    if own is not None:
        terms = [own] if isinstance(own, str) else list(own)
    for tag in sorted(ds.keys()):
        raw = ds.get_item(tag)
        vr, data = raw.VR, raw.value
        el = ds[tag]
        if el.VR == "SQ":
            for item in el.value:
                walk(item, terms, name)
        elif el.VR in ("PN", "LO", "SH", "LT", "ST", "UT", "UC") and isinstance(data, bytes) and data:
            v = el.value
            text = "\\".join(str(x) for x in v) if el.VM > 1 else str(v)
            print(json.dumps({"file": name, "tag": str(tag), "vr": el.VR, "terms": terms, "hex": data.hex(), "text": text}))
for f in sorted(glob.glob(os.path.join(folder, "*.dcm"))):
    walk(pydicom.dcmread(f, force=True), [], os.path.basename(f))
`

// TestOracle holds Decode against pydicom on the files of the DICOM committee's
// character set tests that come with it.
func TestOracle(t *testing.T) {
	if exec.Command("/usr/bin/python3", "-c", "import pydicom").Run() != nil {
		t.Skip("pydicom not found: python3-pydicom is not installed")
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", oracle)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pydicom: %v: %s", err, stderr.String())
	}
	kinds := map[string]charset.Kind{"PN": charset.Name, "LO": charset.String, "SH": charset.String, "UC": charset.String}
	n, beyond := 0, 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); n++ {
		var c struct {
			File, Tag, VR, Hex, Text string
			Terms                    []string
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(c.Hex)
		if err != nil {
			t.Fatal(err)
		}
		set, _ := charset.Parse(c.Terms)
		got, _ := set.Decode(b, kinds[c.VR])
		got = strings.TrimRight(got, " \x00")
		for _, r := range got {
			if r >= 0x80 {
				beyond++
			}
		}
		if c.VR == "PN" {
			got = strings.TrimRight(got, "=") // pydicom leaves empty groups at the end away
		}
		if want := strings.TrimRight(c.Text, " \x00"); got != want {
			t.Errorf("%s %s %s %v: %q; pydicom says %q", c.File, c.Tag, c.VR, c.Terms, got, want)
		}
	}
	if n < 50 || beyond < 100 {
		t.Errorf("compared %d elements with %d characters beyond ASCII; want at least 50 and 100", n, beyond)
	}
}

// pairs makes Python print every two-byte character of four sets: the escape
// sequence, the bytes and the character.
const pairs = `
for codec, esc, prefix, high in (("euc_jp", "$B", b"", 0), ("euc_jp", "$(D", b"\x8f", 0), ("euc_kr", "$)C", b"", 0x80), ("gb2312", "$)A", b"", 0x80)):
    for a in range(0xA1, 0xFF):
        for b in range(0xA1, 0xFF):
            try:
                c = (prefix + bytes([a, b])).decode(codec)
            except UnicodeDecodeError:
                continue
            print(esc, "%02x%02x" % (a & 0x7F | high, b & 0x7F | high), "%x" % ord(c))
`

// TestPlanes holds the two-byte sets against the codecs of Python. Where the two
// disagree, the reason stands below.
func TestPlanes(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", pairs).Output()
	if err != nil {
		t.Skipf("python3 not found: %v", err)
	}
	differ := map[string]string{
		"$(D2237": "tilde: ours is the wide one, as ASCII has the other",
		"$)Aa1a4": "middle dot: ours is that of GBK and GB18030",
		"$)Aa1aa": "dash: ours is that of GBK and GB18030",
	}
	set := parse(`\ISO 2022 IR 87\ISO 2022 IR 159\ISO 2022 IR 149\ISO 2022 IR 58`)
	n := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		b, _ := hex.DecodeString(f[1])
		r, _ := strconv.ParseUint(f[2], 16, 32)
		got, ok := set.Decode([]byte("\x1b"+f[0]+string(b)), charset.Text)
		if _, known := differ[f[0]+f[1]]; !known && (got != string(rune(r)) || !ok) {
			t.Errorf("%s %s is %q, %v; Python says %q", f[0], f[1], got, ok, rune(r))
		}
		n++
	}
	if n < 25000 {
		t.Errorf("compared %d characters; want those of four sets", n)
	}
}
