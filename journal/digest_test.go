package journal

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the worked example anew")

const formatFile = "../docs/format/journal.md"

// TestWorkedExample recomputes the example of the format's document.
func TestWorkedExample(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 30, 0, 250e6, time.UTC)
	r := record{
		id: "019ca87b-9d5a-7000-8000-000000000001", site: "main", at: at.UnixMilli(), actor: "ae:CT1",
		kind: "archive.instance.stored", subject: "1.2.3", data: `{"modality":"SR"}`,
		personKey: "019ca87b-9d5a-7000-8000-00000000000a", payloadDigest: sum([]byte("abc")),
	}
	s := seal{number: 1, first: 1, last: 1, at: r.at, previous: genesis}
	s.digest = s.sum([][]byte{r.sum()})
	sealed := slices.Concat([]byte(sealLabel), numbers(1, 1, 1, r.at), genesis, r.sum())
	if diff := cmp.Diff(sum(sealed), s.digest); diff != "" {
		t.Errorf("the seal is not made of what the document says:\n%s", diff)
	}
	c := Checkpoint{Seal: 1, Seq: 1, Digest: s.digest, At: at}
	h := SignedHead{Seal: 1, Seq: 1, Digest: s.digest, At: at}
	want := map[string][]byte{
		"payload-digest": r.payloadDigest, "entry": r.encode(), "entry-digest": r.sum(),
		"seal": sealed, "seal-digest": s.digest, "checkpoint": c.encode(), "head": h.encode(),
	}
	text, err := os.ReadFile(formatFile)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), fmt.Sprint(r.at)) {
		t.Errorf("at_ms %d does not stand in the document", r.at)
	}
	blocks := regexp.MustCompile("(?s)```hex ([a-z-]+)\n(.*?)```")
	found := 0
	got := blocks.ReplaceAllStringFunc(string(text), func(block string) string {
		found++
		name := blocks.FindStringSubmatch(block)[1]
		return "```hex " + name + "\n" + lines(want[name]) + "```"
	})
	if found != len(want) {
		t.Errorf("%d blocks; want %d", found, len(want))
	}
	if *update {
		if err := os.WriteFile(formatFile, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(text), got); diff != "" {
		t.Errorf("worked example (-document +computed); -update writes it:\n%s", diff)
	}
}

// lines returns b in hexadecimal, 32 bytes a line.
func lines(b []byte) string {
	var s strings.Builder
	for part := range slices.Chunk(b, 32) {
		s.WriteString(hex.EncodeToString(part) + "\n")
	}
	return s.String()
}

// TestEncodingIsInjective moves a byte from one field to its neighbour.
func TestEncodingIsInjective(t *testing.T) {
	a := record{actor: "ab", kind: "c"}
	b := record{actor: "a", kind: "bc"}
	if string(a.encode()) == string(b.encode()) {
		t.Error("two different entries have one encoding")
	}
}

func TestQuiet(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing quoted", "store: no room", "store: no room"},
		{"a value", `parsing "LEAK^CANARY": invalid`, `parsing "…": invalid`},
		{"quotes in a value", `parsing "a\"LEAK" x "b"`, `parsing "…" x "…"`},
		{"long", strings.Repeat("é", 400), strings.Repeat("é", 246) + "…"},
	} {
		if got := quiet(fmt.Errorf("%s", c.text)); got != c.want {
			t.Errorf("%s: %s; want %s", c.name, got, c.want)
		}
	}
}
