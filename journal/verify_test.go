package journal_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

func change(t testing.TB, d *db.DB, statements ...string) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerifyFindsWhatWasChanged(t *testing.T) {
	for _, c := range []struct {
		name       string
		statements []string
		want       journal.Break
	}{
		{"data of a row", []string{"update journal_entry set data = '{}' where seq = 5"}, journal.Break{5, 2, journal.EntryChanged}},
		{"actor of a row", []string{"update journal_entry set actor = 'user:nobody' where seq = 1"}, journal.Break{1, 1, journal.EntryChanged}},
		{"time of a row", []string{"update journal_entry set at_ms = at_ms + 1 where seq = 9"}, journal.Break{9, 3, journal.EntryChanged}},
		{"a row and its digest", []string{"update journal_entry set digest = (select digest from journal_entry where seq = 6) where seq = 5"}, journal.Break{5, 2, journal.EntryChanged}},
		{"a deleted row", []string{"delete from journal_entry where seq = 6"}, journal.Break{6, 2, journal.EntryMissing}},
		{"the last row of a seal", []string{"delete from journal_entry where seq = 8"}, journal.Break{8, 2, journal.EntryMissing}},
		{"swapped rows", []string{
			"update journal_entry set seq = 100 where seq = 5", "update journal_entry set seq = 5 where seq = 6", "update journal_entry set seq = 6 where seq = 100",
		}, journal.Break{5, 2, journal.EntryMoved}},
		{"a row slipped in at the end", []string{`insert into journal_entry select 'x', 13, site_id, at_ms, actor, kind, subject, data, person_key_id, payload, payload_digest, digest
			from journal_entry where seq = 12`}, journal.Break{13, 0, journal.EntryUnsealed}},
		{"a payload", []string{"update journal_entry set payload = payload_digest where seq = 4"}, journal.Break{4, 1, journal.PayloadChanged}},
		{"a payload taken away", []string{"update journal_entry set payload = null where seq = 4"}, journal.Break{4, 1, journal.PayloadChanged}},
		{"a payload and its digest", []string{"update journal_entry set payload = null, payload_digest = null where seq = 4"}, journal.Break{4, 1, journal.EntryChanged}},
		{"a seal's digest", []string{"update journal_seal set digest = previous where number = 2"}, journal.Break{5, 2, journal.EntryMoved}},
		{"a seal's time", []string{"update journal_seal set at_ms = 1 where number = 3"}, journal.Break{9, 3, journal.EntryMoved}},
		{"a deleted seal", []string{"delete from journal_seal where number = 2"}, journal.Break{5, 2, journal.SealChanged}},
		{"the first seal", []string{"delete from journal_seal where number = 1", "delete from journal_entry where seq <= 4"}, journal.Break{1, 1, journal.SealChanged}},
		{"the end cut off", []string{"delete from journal_seal where number = 3", "delete from journal_entry where seq > 8"}, journal.Break{9, 0, journal.Truncated}},
		{"a forged checkpoint", []string{
			"insert into journal_checkpoint select number, last_seq, at_ms, digest, digest, digest from journal_seal where number = 1",
			"delete from journal_seal where number = 1", "delete from journal_entry where seq <= 4",
		}, journal.Break{4, 1, journal.CheckpointInvalid}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				j := running(t, d, quick())
				for s := range 3 { // three seals of four entries
					batch := []journal.Entry{entry(s), entry(s), entry(s), entry(s)}
					batch[3].Person, batch[3].Payload = "p", json.RawMessage(`{"name":"Test^Patient"}`)
					add(t, d, j, batch...)
					allSealed(t, j)
				}
				change(t, d, "insert into journal_cursor (consumer, seq, updated_ms, failures, error, error_kind, error_seq) values ('c', 12, 0, 0, '', '', 0)")
				r, err := j.Verify(t.Context())
				if err != nil || r.Break != nil || r.Seals != 3 || r.Entries != 12 {
					t.Fatalf("before: %+v, %v; want 3 seals of 12 entries", r, err)
				}
				change(t, d, c.statements...)
				r, err = j.Verify(t.Context())
				if diff := cmp.Diff(&c.want, r.Break); diff != "" || err != nil {
					t.Errorf("break (-want +got):\n%s%v", diff, err)
				}
			})
		})
	}
}

func TestErase(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := running(t, d, quick())
		about := func(person, secret string) journal.Entry {
			e := entry(1)
			e.Person, e.Payload = person, json.RawMessage(`{"secret":"`+secret+`"}`)
			return e
		}
		add(t, d, j, about("4711", "LEAK^CANARY"), about("4712", "other"), about("4711", "LEAK^CANARY"))
		allSealed(t, j)
		before := find(t, j, journal.Filter{})
		if len(before) != 3 || string(before[2].Payload) != `{"secret":"LEAK^CANARY"}` || before[0].PersonKey != before[2].PersonKey || before[0].Erased {
			t.Fatalf("before: %+v", before)
		}
		erase := func(person string) error {
			return d.Write(t.Context(), func(tx *db.Tx) error {
				return j.Erase(t.Context(), tx, person, journal.Entry{Site: "main", Actor: "user:dpo"})
			})
		}
		if err := erase("4713"); fault.Of(err) != fault.NotFound {
			t.Errorf("erase somebody unknown: %v; want NotFound", err)
		}
		if err := erase("4711"); err != nil {
			t.Fatal(err)
		}
		if err := erase("4711"); fault.Of(err) != fault.NotFound {
			t.Errorf("erase again: %v; want NotFound", err)
		}
		add(t, d, j, about("4711", "new"))
		allSealed(t, j)

		after := find(t, j, journal.Filter{})
		if len(after) != 5 || after[0].Payload != nil || !after[0].Erased || after[2].Payload != nil || string(after[1].Payload) != `{"secret":"other"}` {
			t.Errorf("after: %+v; want the payloads of one person gone", after)
		}
		if e := after[3]; e.Kind != "journal.person.erased" || e.Subject != before[0].PersonKey || e.Actor != "user:dpo" {
			t.Errorf("erasure was noted as %+v", e)
		}
		if e := after[4]; e.PersonKey == before[0].PersonKey || string(e.Payload) != `{"secret":"new"}` {
			t.Errorf("somebody who returned: %+v; want another key", e)
		}
		if got := find(t, j, journal.Filter{Site: "main", Person: "4711"}); len(got) != 1 || got[0].Seq != 5 {
			t.Errorf("entries about them: %+v; want the new one", got)
		}
		var lookup, wrapped []byte
		var created, destroyed *int64
		err := d.QueryRow(t.Context(), "select lookup, wrapped, created_ms, destroyed_ms from journal_person_key where key_id = $1", before[0].PersonKey).
			Scan(&lookup, &wrapped, &created, &destroyed)
		if err != nil || lookup != nil || wrapped != nil || created != nil || destroyed == nil {
			t.Errorf("key row: %x %x %v %v, %v; want only when it was destroyed", lookup, wrapped, created, destroyed, err)
		}
		if r, err := j.Verify(t.Context()); err != nil || r.Break != nil || r.Entries != 5 {
			t.Errorf("Verify = %+v, %v; want whole", r, err)
		}
	})
}

// TestNobodyStandsInTheDatabase looks for a person in every column of every table.
func TestNobodyStandsInTheDatabase(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := running(t, d, quick())
		e := entry(1)
		e.Person, e.Payload = "LEAK^CANARY", json.RawMessage(`"LEAK^CANARY"`)
		add(t, d, j, e)
		for _, table := range []string{"journal_entry", "journal_person_key"} {
			rows, err := d.Query(t.Context(), "select * from "+table)
			if err != nil {
				t.Fatal(err)
			}
			names, _ := rows.Columns()
			for rows.Next() {
				row := make([]any, len(names))
				for i := range row {
					row[i] = new(any)
				}
				if err := rows.Scan(row...); err != nil {
					t.Fatal(err)
				}
				for i := range row {
					v, _ := row[i].(*any)
					b, isBytes := (*v).([]byte)
					if strings.Contains(fmt.Sprint(*v), "CANARY") || isBytes && bytes.Contains(b, []byte("CANARY")) {
						t.Errorf("%s.%s names a person", table, names[i])
					}
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestDrop(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		by := journal.Entry{Site: "main", Actor: "system", Data: json.RawMessage(`{"reason":"retention"}`)}
		plain := running(t, d, quick())
		if _, err := plain.Drop(t.Context(), 5, by); fault.Of(err) != fault.Unsupported {
			t.Errorf("drop without a signing key: %v; want Unsupported", err)
		}
		o := quick()
		_, o.SigningKey, _ = ed25519.GenerateKey(nil)
		j := open(t, d, o)
		for s := range 60 {
			batch := []journal.Entry{entry(s), entry(s)}
			if s == 0 || s == 59 {
				batch[0].Person, batch[0].Payload = fmt.Sprint("p", s), json.RawMessage(`"x"`)
			}
			batch[1].Person, batch[1].Payload = "stays", json.RawMessage(`"y"`)
			add(t, d, j, batch...)
			allSealed(t, plain)
		}
		first, err := j.FirstSince(t.Context(), time.Now().Add(time.Hour))
		if err != nil || first != 121 {
			t.Errorf("FirstSince = %d, %v; want 121", first, err)
		}
		var c collector
		withSeen(t, d)
		change(t, d, "insert into journal_cursor (consumer, seq, updated_ms, failures, error, error_kind, error_seq) values ('slow', 3, 0, 0, '', '', 0)")
		if _, err := j.Drop(t.Context(), 110, by); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "slow") {
			t.Errorf("drop what was not read: %v; want Conflict", err)
		}
		change(t, d, "update journal_cursor set seq = 115")
		last, err := j.Drop(t.Context(), 110, by)
		if err != nil || last != 108 {
			t.Fatalf("Drop = %d, %v; want 108: whole seals only", last, err)
		}
		allSealed(t, j)
		r, err := j.Verify(t.Context())
		if err != nil || r.Break != nil || r.Checkpoint == nil || r.Checkpoint.Seq != 108 || r.Entries != 12+2 {
			t.Errorf("Verify = %+v, %v; want 14 entries after 108", r, err)
		}
		got := find(t, j, journal.Filter{})
		if len(got) != 14 || got[0].Seq != 109 || string(got[1].Payload) != `"y"` || got[12].Subject != "1-100" || got[13].Subject != "101-108" ||
			got[12].Kind != "journal.prefix.dropped" {
			t.Errorf("left: %+v", got)
		}
		var n int
		if err := d.QueryRow(t.Context(), "select count(*) from journal_person_key").Scan(&n); err != nil || n != 2 {
			t.Errorf("%d keys are left, %v; want 2", n, err)
		}
		during(t, j.Run)
		stop := during(t, followAs(j, "new", &c))
		if err := waitFor(t, j, "new"); err != nil {
			t.Fatal(err)
		}
		stop()
		if seqs, _ := seen(t, d); len(seqs) != 14 {
			t.Errorf("a new consumer saw %d entries; want 14", len(seqs))
		}

		other := quick()
		_, other.SigningKey, _ = ed25519.GenerateKey(nil)
		if r, err := open(t, d, other).Verify(t.Context()); err != nil || r.Break == nil || r.Break.Reason != journal.CheckpointInvalid {
			t.Errorf("another installation's key: %+v, %v; want it not trusted", r, err)
		}
		public, _ := o.SigningKey.Public().(ed25519.PublicKey)
		other.TrustedKeys = append(other.TrustedKeys, public)
		if r, err := open(t, d, other).Verify(t.Context()); err != nil || r.Break != nil {
			t.Errorf("a key that was replaced and is trusted: %+v, %v", r.Break, err)
		}
		change(t, d, "delete from journal_cursor", "update journal_entry set actor = 'x' where seq = 109")
		if _, err := j.Drop(t.Context(), 1000, by); fault.Of(err) != fault.Conflict {
			t.Errorf("drop a prefix that was changed: %v; want Conflict", err)
		}
	})
}
