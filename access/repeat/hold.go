package repeat

import (
	"context"
	"iter"

	"radagora/access"
	"radagora/db"
)

var _ access.Holder = (*Register)(nil)

// Export yields nothing: answers are sealed, and repeat what other rooms yield.
func (*Register) Export(context.Context, access.Person) iter.Seq2[access.Record, error] {
	return func(func(access.Record, error) bool) {}
}

// Persons names nobody: answers are sealed, and forgotten when anybody of their site is
// erased.
func (*Register) Persons(context.Context, db.Querier) ([]access.Person, error) { return nil, nil }

// Erase forgets the answers of the person's site: nobody can tell whom each is about.
// That the requests had their effect stays known, so that none has it twice. Nothing
// is counted, since nothing was found.
func (*Register) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	_, err := tx.Exec(ctx, `update access_repeat set answer = null where site_id = $1 and answer is not null`, p.Site)
	return 0, err
}

// Restrict does nothing: an answer is given again to whoever had it a moment before.
func (*Register) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
