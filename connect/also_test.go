package connect_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/connect"
	"radagora/db"
	"radagora/db/dbtest"
)

// mentions says in how many messages each key is found: by search, and by export.
func (k *desk) mentions(keys ...string) (all []int) {
	k.t.Helper()
	for _, key := range keys {
		list, err := k.Messages(k.ctx, at, connect.Filter{Person: key})
		k.check(err)
		exported := 0
		for r, err := range k.Export(k.t.Context(), access.Person{Site: at, ID: key}) {
			k.check(err)
			if r.Kind == "message" {
				exported++
			}
		}
		if len(list) != exported {
			k.t.Errorf("%s: %d are found, %d exported", key, len(list), exported)
		}
		all = append(all, exported)
	}
	return all
}

// TestMessagesOfSeveral sends messages that speak of several patients: each has what is
// theirs, and each message is found under everybody it speaks of, and gone with the
// first of them whose data are erased.
func TestMessagesOfSeveral(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.accept(nil)
		const weight = "OBX|1|NM|29463-7^Weight^LN||"
		k.send(
			message("ADT^A40", 1, "EVN|A40", "PID|1||A1^^^HIS^PI||Muster^A", "MRG|A2^^^HIS^PI", "PID|2||B1^^^HIS^PI||Muster^B", "MRG|B2^^^HIS^PI"),
			message("ORU^R01", 2, "PID|1||C1^^^HIS^PI~N1^^^NAT^NI||Muster^C", "OBR|1|P1|F1|VITAL^Vital signs^L", weight+"61|kg|||||F",
				"PID|2||D1^^^HIS^PI||Muster^D", "OBR|1|P2|F2|VITAL^Vital signs^L", weight+"72|kg|||||F"),
			message("ADT^A44", 3, "EVN|A44", "PID|1||E1^^^HIS^PI||Muster^E", "MRG|E2^^^HIS^PI||4^^^HIS^AN"),
			message("ADT^A08", 4, "EVN|A08", "PID|1||C1^^^HIS^PI||Muster^C"),
		)
		for key, want := range map[string]string{"HIS|C1": "name=Muster^C weight=61", "HIS|D1": "name=Muster^D weight=72"} {
			if got := k.known(key); got != want {
				t.Errorf("%s: %q; want %q", key, got, want)
			}
		}
		keys := []string{"HIS|A1", "HIS|A2", "HIS|B1", "HIS|B2", "HIS|C1", "NAT|N1", "HIS|D1", "HIS|E1", "HIS|E2"}
		if diff := cmp.Diff([]int{1, 1, 1, 1, 2, 1, 1, 1, 1}, k.mentions(keys...)); diff != "" {
			t.Errorf("mentions (-want +got):\n%s", diff)
		}
		roll, err := k.Persons(t.Context(), k.db)
		k.check(err)
		for _, key := range keys {
			if !slices.Contains(roll, access.Person{Site: at, ID: key}) {
				t.Errorf("%s is not on the roll", key)
			}
		}
		for _, key := range []string{"HIS|D1", "HIS|B2"} {
			k.check(k.db.Write(t.Context(), func(tx *db.Tx) error {
				_, err := k.Erase(t.Context(), tx, access.Person{Site: at, ID: key})
				return err
			}))
		}
		if diff := cmp.Diff([]int{0, 0, 0, 0, 1, 0, 0, 1, 1}, k.mentions(keys...)); diff != "" {
			t.Errorf("mentions after erasure (-want +got):\n%s", diff)
		}
		left, err := db.List(t.Context(), k.db, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, `select person from connect_also order by person`)
		k.check(err)
		if diff := cmp.Diff([]string{"HIS|E2"}, left); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})
}

// TestWhoMayReadOfSeveral holds that who may not read what is said of one patient may not
// read a message that speaks of them beside others.
func TestWhoMayReadOfSeveral(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.accept(nil)
	ids := k.send(message("ADT^A40", 1, "EVN|A40", "PID|1||A1^^^HIS^PI||Muster^A", "MRG|A2^^^HIS^PI"))
	m, err := k.Message(k.ctx, at, ids[0])
	if diff := cmp.Diff([]string{"HIS|A1", "HIS|A2"}, m.Persons()); err != nil || diff != "" {
		t.Errorf("persons: %v (-want +got):\n%s", err, diff)
	}
	own := access.With(context.WithoutCancel(k.ctx), access.Who{ID: "u2", Grants: access.Everywhere(access.Administrator), SignedAt: k.clock()})
	if _, err := k.Message(own, at, ids[0]); err == nil {
		t.Error("an administrator reads a message")
	}
}
