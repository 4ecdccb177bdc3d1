package access

import (
	"context"
	"slices"

	"radagora/db"
)

// same finds the identifiers of a person, as a part of a query: %[1]s is the site, and
// %[2]s the identifier.
const same = `(select %[2]s union select b.person from access_same a join access_same b on b.site_id = a.site_id and b.root = a.root
	where a.site_id = %[1]s and a.person = %[2]s)`

// Same notes, as part of tx, that these identifiers of a site are one person's and
// that no others are: what holds for one in a decision holds for all. A single one
// stands for itself.
func (*Facts) Same(ctx context.Context, tx *db.Tx, site string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	for _, key := range keys {
		if _, err := tx.Exec(ctx, `delete from access_same where site_id = $1 and person = $2`, site, key); err != nil {
			return err
		}
	}
	if len(keys) == 1 {
		return nil
	}
	root := slices.Min(keys)
	for _, key := range keys {
		if _, err := tx.Exec(ctx, `insert into access_same (site_id, person, root) values ($1, $2, $3)`, site, key, root); err != nil {
			return err
		}
	}
	return nil
}

// KnowsSame reports whether anybody is known under two identifiers.
func (*Facts) KnowsSame(ctx context.Context, q db.Querier) (bool, error) {
	var n int
	err := q.QueryRow(ctx, `select count(*) from (select 1 as found from access_same limit 1) as any_row`).Scan(&n)
	return n > 0, err
}

// are reports whether two identifiers of a site are one person's.
func (f *Facts) are(ctx context.Context, site, a, b string) (bool, error) {
	if a == b {
		return true, nil
	}
	var n int
	err := f.DB.QueryRow(ctx, `select count(*) from access_same a join access_same b on b.site_id = a.site_id and b.root = a.root
		where a.site_id = $1 and a.person = $2 and b.person = $3`, site, a, b).Scan(&n)
	return n > 0, err
}
