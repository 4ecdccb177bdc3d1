package connect_test

import (
	"strings"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/worklist"
)

// offered says how the one order on the worklist shows its patient.
func (k *desk) offered() string {
	k.t.Helper()
	entries, err := k.worklist.List(k.ctx, at, worklist.Filter{From: "2026-01-01", To: "2027-12-31"})
	k.check(err)
	if len(entries) != 1 {
		k.t.Fatalf("%d entries on the worklist; want one", len(entries))
	}
	p := entries[0].Order.Patient
	return strings.Join([]string{p.Issuer, p.ID, p.Name, p.BirthDate, p.Sex}, " ")
}

// TestOpenOrdersShowPatientsAsKnown has what is known of a patient change behind an
// order, by messages and by people, and looks at what a machine would be offered.
func TestOpenOrdersShowPatientsAsKnown(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.accept(nil)
		k.send(order("NW", 1))
		expect := func(what, want string) {
			t.Helper()
			if got := k.offered(); got != want {
				t.Errorf("%s: %q; want %q", what, got, want)
			}
		}
		expect("ordered", "HIS 4711 Muster^Erika 1980-02-03 F")
		k.send(message("ADT^A08", 2, "EVN|A08", "PID|1||4711^^^HIS^PI||Neu^Erika||19800204|O"))
		expect("name, birth date and sex changed", "HIS 4711 Neu^Erika 1980-02-04 O")
		k.send(message("ADT^A40", 3, "EVN|A40", "PID|1||815^^^HIS^PI||Bleibt^Erika||19800204|F", "MRG|4711^^^HIS^PI"))
		expect("merged", "HIS 815 Bleibt^Erika 1980-02-04 F")
		k.send(message("ADT^A37", 4, "EVN|A37", "PID|1||815^^^HIS^PI||Bleibt^Erika", "PID|2||4711^^^HIS^PI||Neu^Erika"))
		expect("the merge undone by a message", "HIS 4711 Neu^Erika 1980-02-04 O")
		k.send(message("ADT^A40", 5, "EVN|A40", "PID|1||815^^^HIS^PI||Bleibt^Erika||19800204|F", "MRG|4711^^^HIS^PI"))
		expect("merged again", "HIS 815 Bleibt^Erika 1980-02-04 F")
		links, err := k.people.Links(k.ctx, at, "HIS|4711")
		k.check(err)
		k.check(k.people.Unlink(k.ctx, at, links[0].ID, "they are two"))
		expect("the merge undone by a person", "HIS 4711 Neu^Erika 1980-02-04 O")
		k.send(message("ADT^A40", 4, "EVN|A40", "PID|1||815^^^HIS^PI||Bleibt^Erika||19800204|F", "MRG|4711^^^HIS^PI|x"))
		expect("an older merge behind a newer undoing", "HIS 4711 Neu^Erika 1980-02-04 O")
	})
}

// TestStepsOfAnOrder reads orders and appointments of several steps.
func TestStepsOfAnOrder(t *testing.T) {
	ipc := func(step, protocol string) string { return "IPC|A1|RP1||" + step + "|MR|" + protocol + "|||MR1" }
	omi := func(control string, minute int, more ...string) []byte {
		return message("OMI^O23", minute, append([]string{pid, "ORC|" + control + "|P1|F1", "TQ1|1||||||20261123081500", "OBR|1|P1|F1|MRHEAD^MR head^L"}, more...)...)
	}
	siu := message("SIU^S13", 4, "SCH|AP1|||||||||||||||||||||||||P1|F1", pid, "RGS|1", "AIS|1||MRHEAD^MR head^L|20261123101500")
	pair := message("ORM^O01", 1, pid, "ORC|NW|P1|F1||||^^^20261123081500", "OBR|1|P1|F1|MRHEAD^MR head^L||||||||||||||A1|RP1|S1||||MR",
		"ORC|NW|P1|F1||||^^^20261123081500", "OBR|2|P1|F1|MRHEAD^MR head^L||||||||||||||A1|RP1|S2||||MR")
	const two = "A1 scheduled 2026-11-23T08:15:00 MR MR1 Muster^Erika; A1 scheduled 2026-11-23T08:15:00 MR MR1 Muster^Erika"
	for _, c := range []struct {
		name     string
		messages [][]byte
		want     string
	}{
		{"two IPC under one OBR", [][]byte{omi("NW", 1, ipc("S1", "P1"), ipc("S2", "P2"))}, two},
		{"two ORC and OBR of one order", [][]byte{pair}, two},
		{"one step cancelled", [][]byte{omi("NW", 1, ipc("S1", "P1"), ipc("S2", "P2")), omi("CA", 2, ipc("S2", "P2"))}, strings.Replace(two, "; A1 scheduled", "; A1 cancelled", 1)},
		{"all cancelled", [][]byte{omi("NW", 1, ipc("S1", "P1"), ipc("S2", "P2")), omi("CA", 2, ipc("S1", "P1"), ipc("S2", "P2"))}, strings.ReplaceAll(two, "scheduled", "cancelled")},
		{"an appointment for all of it", [][]byte{omi("NW", 1, ipc("S1", "P1"), ipc("S2", "P2")), siu}, strings.ReplaceAll(two, "08:15", "10:15")},
		{"an appointment before the order", [][]byte{siu, omi("NW", 1, ipc("S1", "P1"), ipc("S2", "P2"))}, strings.ReplaceAll(two, "08:15", "10:15")},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
			k.accept(nil)
			for _, id := range k.send(c.messages...) {
				if m, err := k.Message(k.ctx, at, id); err != nil || m.State != "applied" {
					t.Errorf("%s %s %v", m.State, m.Reason, m.Detail)
				}
			}
			if got := k.listed(); got != c.want {
				t.Errorf("worklist: %q\nwant: %q", got, c.want)
			}
		})
	}
}
