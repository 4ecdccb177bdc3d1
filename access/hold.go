package access

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"radagora/db"
)

var _ Holder = (*Facts)(nil)

// Export yields who had to do with a person and why, and what the person asked for.
func (f *Facts) Export(ctx context.Context, p Person) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		relations, err := f.Of(ctx, Subject{Site: p.Site, Person: p.ID})
		if err != nil {
			yield(Record{}, err)
			return
		}
		for _, r := range relations {
			data, err := json.Marshal(map[string]string{
				"kind": r.Kind, "account": r.User, "reason": r.Reason, "made_by": r.MadeBy,
				"made": stamp(r.Made), "until": stamp(r.Until), "ended": stamp(r.Ended),
			})
			if !yield(Record{Room: "access", Kind: "relation", ID: r.ID, Data: data}, err) || err != nil {
				return
			}
		}
		wishes, err := f.Wishes(ctx, p)
		if err != nil {
			yield(Record{}, err)
			return
		}
		for _, h := range wishes {
			data, err := json.Marshal(map[string]string{"wish": string(h.Wish), "reason": h.Reason, "since": stamp(h.Since), "until": stamp(h.Until)})
			id := string(h.Wish) + " " + h.Since.UTC().Format(time.RFC3339)
			if !yield(Record{Room: "access", Kind: "wish", ID: id, Data: data}, err) || err != nil {
				return
			}
		}
	}
}

// Erase removes relations to the person and the person's wishes. That a record was
// opened in an emergency stays in the journal, without the person; that they opted out
// of secondary use stays as a keyed hash, for data of theirs that come later.
func (f *Facts) Erase(ctx context.Context, tx *db.Tx, p Person) (int, error) {
	if _, err := f.exclude(ctx, tx, p); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `delete from access_same where site_id = $1 and person = $2`, p.Site, p.ID); err != nil {
		return 0, err
	}
	count := int64(0)
	for _, table := range []string{"access_relation", "access_wish"} {
		n, err := tx.Exec(ctx, "delete from "+table+" where site_id = $1 and person <> '' and person = $2", p.Site, p.ID)
		if err != nil {
			return 0, err
		}
		count += n
	}
	return int(count), nil
}

// Restrict notes that the person wants processing to stop, or no longer does. Every
// list of persons leaves them out by it, and the policies forbid the rest.
func (f *Facts) Restrict(ctx context.Context, tx *db.Tx, p Person, hidden bool) error {
	return f.Wish(ctx, tx, p, Restricted, hidden, "")
}
