package finding

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// Personal is the part of a Register that is about single persons: findings on an
// examination, study or document of theirs, with what people noted. Findings about
// groups are about nobody.
type Personal struct {
	*Register
	// Studies returns the Study Instance UIDs of a person.
	Studies func(ctx context.Context, q db.Querier, p access.Person) ([]string, error)
}

var _ access.Holder = Personal{}

// of returns the findings whose object is of a person: a study, or something within
// it, whose name begins with that of the study and something that is no part of a UID.
func (h Personal) of(ctx context.Context, q db.Querier, p access.Person) ([]string, error) {
	studies, err := h.Studies(ctx, q, p)
	if err != nil || len(studies) == 0 {
		return nil, err
	}
	own := make(map[string]bool, len(studies))
	for _, s := range studies {
		own[s] = true
	}
	type row struct{ id, subject string }
	rows, err := db.List(ctx, q, func(r *db.Rows) (x row, err error) { return x, r.Scan(&x.id, &x.subject) },
		`select finding_id, subject from finding_derived where site_id = $1 and subject like '%"object":"%' order by finding_id`, p.Site)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, x := range rows {
		var s Subject
		if err := json.Unmarshal([]byte(x.subject), &s); err != nil {
			return nil, fault.Errorf(fault.Internal, "subject of finding %s: %w", x.id, err)
		}
		end := strings.IndexFunc(s.Object, func(c rune) bool { return (c < '0' || c > '9') && c != '.' })
		if end < 0 {
			end = len(s.Object)
		}
		if own[s.Object[:end]] {
			all = append(all, x.id)
		}
	}
	return all, nil
}

// Export implements access.Holder.
func (h Personal) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		ids, err := h.of(ctx, h.db, p)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, id := range ids {
			r, err := h.personal(ctx, id)
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// personal makes a record of a finding with its history and actions.
func (h Personal) personal(ctx context.Context, id string) (access.Record, error) {
	r := access.Record{Room: "finding", Kind: "finding", ID: id}
	f, history, acts, err := h.Get(ctx, id)
	if err != nil {
		return r, err
	}
	var notes, done []map[string]any
	for _, n := range history {
		notes = append(notes, map[string]any{"at": n.At.UTC().Format(time.RFC3339), "by": n.Actor, "state": n.State, "owner": n.Owner, "due": n.Due, "note": n.Text})
	}
	for _, a := range acts {
		done = append(done, map[string]any{"kind": a.Kind, "text": a.Text, "owner": a.Owner, "due": a.Due, "done": a.Done, "result": a.Result})
	}
	r.Data, err = json.Marshal(map[string]any{
		"rule": f.Rule, "subject": f.Subject, "code": f.Code, "state": f.State, "owner": f.Owner, "due": f.Due,
		"value": f.Measured.Value, "unit": f.Measured.Unit, "first": f.FirstAt.UTC().Format(time.RFC3339), "data": f.Data,
		"history": notes, "actions": done,
	})
	return r, err
}

// Erase implements access.Holder. It comes before the archive, which knows the
// studies of a person until it erases them.
func (h Personal) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	ids, err := h.of(ctx, tx, p)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		for _, table := range []string{"finding_note", "finding_action", "finding_human", "finding_derived"} {
			if _, err := tx.Exec(ctx, "delete from "+table+" where finding_id = $1", id); err != nil {
				return 0, err
			}
		}
	}
	return len(ids), nil
}

// Restrict implements access.Holder. Whether a finding on one examination is shown
// is for the policies to say; those on groups stay.
func (Personal) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
