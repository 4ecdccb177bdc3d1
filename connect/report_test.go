package connect_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/connect"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/worklist"
)

// shelf keeps reports as record would.
type shelf struct {
	mu   sync.Mutex
	kept []connect.KeptReport
}

func (s *shelf) KeepReport(_ context.Context, _ *db.Tx, r connect.KeptReport) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, r)
	return nil
}

// oru is a result of order P1, of a minute, with a status.
func oru(minute int, status string, obx ...string) []byte {
	at := fmt.Sprintf("202611221200%02d", minute)
	return message("ORU^R01", minute, append([]string{
		pid, "ORC|RE|P1|F1", "OBR|1|P1|F1|CTH^CT head^L|||20261122080000|||||||||||A1||||" + at + "|||" + status + "|||||||9&Weber&Anna",
	}, obx...)...)
}

// reports says how those of a study, or of order P1, stand.
func (k *desk) reports(order string) (all []string) {
	k.t.Helper()
	list, err := k.ReportsOf(k.ctx, at, order, "")
	k.check(err)
	for _, r := range list {
		full, err := k.Report(k.ctx, at, r.ID)
		k.check(err)
		if r.Author != "Weber^Anna" && r.Author != "Lima^Ana" && r.Author != "" {
			k.t.Errorf("author %q", r.Author)
		}
		all = append(all, fmt.Sprintf("%s %s: %s", r.Status, r.Title, full.Text))
	}
	return all
}

const orderP1 = "ORC|NW|P1|F1||||^^^20261122120000"

var placed = []string{pid, orderP1, "OBR|1|P1|F1|CTH^CT head^L||||||||||||||A1|RP1|S1||||CT||||||||||||20261122120000"}

// TestReports has versions of a report come in all orders.
func TestReports(t *testing.T) {
	p, f, c := oru(1, "P", "OBX|1|TX|18748-4^Report^LN||no bleeding~as far as seen||||||P"), oru(2, "F", "OBX|1|FT|18748-4^Report^LN||no\\.br\\bleeding||||||F"),
		oru(3, "C", "OBX|1|TX|18748-4^Report^LN||small bleeding <b>||||||C")
	order := message("ORM^O01", 0, placed...)
	for _, x := range []struct {
		name     string
		messages [][]byte
		want     []string
		last     string
	}{
		{"preliminary", [][]byte{order, p}, []string{"preliminary CT head: no bleeding\nas far as seen"}, "applied done"},
		{"preliminary, final, corrected", [][]byte{order, p, f, c}, []string{"corrected CT head: small bleeding <b>"}, "applied done"},
		{"in the other order", [][]byte{order, c, f, p}, []string{"corrected CT head: small bleeding <b>"}, "applied late"},
		{"a preliminary one that is dated later", [][]byte{order, f, oru(5, "P", "OBX|1|TX|18748-4^Report^LN||old||||||P")}, []string{"final CT head: no\nbleeding"}, "applied late"},
		{"before its order", [][]byte{f, order}, []string{"final CT head: no\nbleeding"}, "applied done"},
		{"cancelled", [][]byte{order, f, oru(4, "X")}, []string{"cancelled CT head: no\nbleeding"}, "applied done"},
		{"wrong", [][]byte{order, f, oru(4, "F", "OBX|1|TX|18748-4^Report^LN||||||||W")}, []string{"entered-in-error CT head: no\nbleeding"}, "applied done"},
		{"of a laboratory", [][]byte{order, []byte(strings.Replace(string(f), "|||F|||||||9", "||LAB|F|||||||9", 1))}, nil, "applied late"},
		{"headings", [][]byte{order, oru(2, "F", "OBX|1|TX|1^Findings^L||a", "OBX|2|TX|1^Findings^L||b", "OBX|3|TX|2^Impression^L||c")}, []string{"final CT head: Findings\na\nb\n\nImpression\nc"}, "applied done"},
	} {
		t.Run(x.name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				k := newDesk(t, d)
				k.accept(nil)
				ids := k.send(x.messages...)
				id := k.numbered("P1")
				k.check(k.journal.Wait(t.Context(), connect.Consumer))
				if diff := cmp.Diff(x.want, k.reports(id)); diff != "" {
					t.Errorf("reports (-want +got):\n%s", diff)
				}
				if got := k.became(ids[len(ids)-1]); got != x.last {
					t.Errorf("the last message: %s; want %s", got, x.last)
				}
			})
		})
	}
}

// TestReportsWithDocuments takes PDF and refuses what says so and is none.
func TestReportsWithDocuments(t *testing.T) {
	pdf := base64.StdEncoding.EncodeToString([]byte("%PDF-1.4\n%%EOF"))
	ed := func(data string) string { return "OBX|1|ED|18748-4^Report^LN||RIS^AP^PDF^Base64^" + data + "||||||F" }
	for _, x := range []struct{ name, obx, want, files string }{
		{"a PDF", ed(pdf), "applied done", "application/pdf 14"},
		{"a PDF with text", ed(pdf) + "\rOBX|2|TX|18748-4^Report^LN||see there||||||F", "applied done", "application/pdf 14"},
		{"a link is not followed", "OBX|1|RP|18748-4^Report^LN||http://ris/1.pdf^RIS^AP^PDF||||||F", "applied done", ""},
		{"no PDF inside", ed(base64.StdEncoding.EncodeToString([]byte("<html>"))), "waiting refused", ""},
		{"no Base64", ed("%%%"), "waiting refused", ""},
		{"something else", strings.Replace(ed(pdf), "AP^PDF", "text^html", 1), "waiting refused", ""},
		{"too large", ed(strings.Repeat("A", 28<<20)), "waiting refused", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
			k.accept(nil)
			ids := k.send(message("ORM^O01", 0, placed...), oru(1, "F", x.obx))
			if got := k.became(ids[1]); got != x.want {
				t.Fatalf("%s; want %s", got, x.want)
			}
			files := ""
			list, err := k.ReportsOf(k.ctx, at, k.numbered("P1"), "")
			k.check(err)
			for _, r := range list {
				full, err := k.Report(k.ctx, at, r.ID)
				k.check(err)
				for _, f := range full.Files {
					files += fmt.Sprintf("%s %d", f.Type, len(f.Body))
				}
			}
			if files != x.files {
				t.Errorf("files %q; want %q", files, x.files)
			}
			if m, err := k.Message(k.ctx, at, ids[1]); x.want == "waiting refused" && (err != nil || len(m.Detail) == 0 || m.Detail[0].At != "OBX[1]-5") {
				t.Errorf("the place is not named: %v %v", m.Detail, err)
			}
		})
	}
}

// TestDocumentMessages takes MDM: notified, edited, replaced, cancelled.
func TestDocumentMessages(t *testing.T) {
	mdm := func(event string, minute int, obx string) []byte {
		return message("MDM^"+event, minute, "EVN|"+event, pid, "PV1|1|O", fmt.Sprintf("TXA|1|DI|TX|20261122080000||||202611221200%02d|77^Lima^Ana|||D1^RIS||P1^RIS|F1^RIS||AU", minute), obx)
	}
	text := func(s string) string { return "OBX|1|TX|18748-4^Report^LN||" + s + "||||||F" }
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.accept(nil)
	k.send(message("ORM^O01", 0, placed...))
	for i, x := range []struct{ event, text, want string }{
		{"T02", "first", "final : first"},
		{"T08", "edited", "corrected : edited"},
		{"T10", "replaced", "corrected : replaced"},
		{"T04", "state", "final : state"},
	} {
		ids := k.send(mdm(x.event, i+1, text(x.text)))
		if got := k.became(ids[0]); got != "applied done" {
			t.Fatalf("%s: %s", x.event, got)
		}
		if diff := cmp.Diff([]string{x.want}, k.reports(k.numbered("P1"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.event, diff)
		}
	}
	k.send(message("MDM^T11", 9, "EVN|T11", pid, "PV1|1|O", "TXA|1|DI|TX|20261122080000||||20261122120009||||D1^RIS||P1^RIS|F1^RIS||AU"))
	if diff := cmp.Diff([]string{"entered-in-error : state"}, k.reports(k.numbered("P1"))); diff != "" {
		t.Errorf("T11 (-want +got):\n%s", diff)
	}
	if n := len(k.shelf.kept); n != 5 {
		t.Errorf("%d versions of the resource; want 5", n)
	}
}

// TestReportsOfOthers keeps the reports of two apart: the same order number of another
// patient is no order of theirs.
func TestReportsOfOthers(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.accept(nil)
	other := strings.Replace(string(oru(1, "F", "OBX|1|TX|18748-4^Report^LN||of another||||||F")), "4711^^^HIS", "4712^^^HIS", 1)
	ids := k.send(message("ORM^O01", 0, placed...), []byte(other), oru(2, "F", "OBX|1|TX|18748-4^Report^LN||mine||||||F"))
	if diff := cmp.Diff([]string(nil), k.reports(k.numbered("P1"))); diff != "" {
		t.Errorf("reports of the order (-want +got):\n%s", diff)
	}
	if got := k.became(ids[2]); got != "waiting distinct" {
		t.Errorf("the same number of another patient: %s; want waiting distinct", got)
	}
	if _, err := k.Report(k.ctx, at, "no such"); fault.Of(err) != fault.NotFound {
		t.Errorf("a report that is none: %v", err)
	}
}

// numbered returns the order of a placer's number.
func (k *desk) numbered(placer string) string {
	k.t.Helper()
	list, err := k.worklist.Numbered(k.ctx, at, worklist.Numbers{Placer: placer})
	k.check(err)
	if len(list) != 1 {
		k.t.Fatalf("%d orders of number %s", len(list), placer)
	}
	return list[0].ID
}
