package connect_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"radagora/connect"
	"radagora/content"
	"radagora/db/dbtest"
	"radagora/hl7"
)

// TestDialects has systems of many manners send, and says what came of each message.
// Orders without a modality wait: somebody has to say which machine they are for.
func TestDialects(t *testing.T) {
	files, err := filepath.Glob("../hl7/testdata/sample/*.hl7")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	want := map[string]string{
		"adt-a03-discharge": "applied late", "adt-a07-in-to-out": "applied late", "adt-a43-move": "applied visit_moved", "adt-a44-account": "applied visit_moved",
		"oml-o21-lab": "applied nothing", "omg-o19-reason": "waiting no_modality", "orm-o01-odd-delimiters": "waiting no_modality",
		"orm-o01-cancel-pipes": "applied no_order", "siu-s12-book": "waiting no_modality", "siu-s13-reschedule": "waiting no_modality",
		"siu-s15-cancel": "applied no_order", "siu-s26-no-show": "applied no_order",
	}
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	for _, f := range files {
		body, err := os.ReadFile(f)
		k.check(err)
		name := strings.TrimSuffix(filepath.Base(f), ".hl7")
		got, err := k.Receive(t.Context(), connect.Arrival{Site: at, Body: body, Address: "10.1.2.3"})
		if err != nil { // a sender that is new
			all, err := k.Channels(k.ctx, at)
			k.check(err)
			c := all[0]
			c.State, c.UseSizes = connect.Accepted, true
			_, err = k.SetChannel(k.ctx, c)
			k.check(err)
			got, err = k.Receive(t.Context(), connect.Arrival{Site: at, Body: body, Address: "10.1.2.3"})
			k.check(err)
		}
		k.settle()
		state := k.became(got.ID)
		if w := want[name]; w != "" && state != w || w == "" && state != "applied done" && state != "applied late" {
			m, err := k.Message(k.ctx, at, got.ID)
			k.check(err)
			t.Errorf("%s: %s, %v; want %s", name, state, m.Detail, want[name])
		}
	}
	if got := k.known("HIS|4711"); !strings.Contains(got, "height=1.78 weight=81.5") {
		t.Errorf("4711: %q; want the height and weight of 4 March", got)
	}
}

// TestOwnManner reads the local codes of a system through a set of its own.
func TestOwnManner(t *testing.T) {
	head := "id: site/kis\nkind: hl7_map\ntitle: Our system\npublisher: us\nedition: '1'\nlicence: CC0-1.0\nsource: our system\ndate: '2026-11-22'\nstatus: draft\ntranscribed_by: us\nchecked_by: ''\n"
	library, err := content.Open(content.Source{Origin: content.Installation, FS: fstest.MapFS{
		"site/kis/set.yaml":  {Data: []byte(head)},
		"site/kis/paths.tsv": {Data: []byte("target\tmessages\tpath\tform\tnote\nvisit.location\t*\t-\ttext\t\n")},
		"site/kis/codes.tsv": {Data: []byte("target\tsystem\tcode\tvalue\tnote\nobservation\tL\tGROESSE\theight\t\nobservation\tL\tGEW\tweight\t\nobservation\tL\tSCHWANGER\tpregnancy\t\n")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := connect.NewMapping(library, "", "site/kis")
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile("../hl7/testdata/sample/adt-a08-pregnant-local-codes.hl7")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := hl7.Parse(body, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := m.Read(parsed, connect.Reading{})
	var said []string
	for _, f := range e.Patient.Facts {
		said = append(said, string(f.Kind)+"="+f.Value)
	}
	if got := strings.Join(said, " "); got != "name=PROBE^ÉCHO birth_date=1995-06-15 sex=F height=1.68 weight=64 pregnancy=yes" || len(e.Problems) > 0 {
		t.Errorf("%s, %v", got, e.Problems)
	}
}
