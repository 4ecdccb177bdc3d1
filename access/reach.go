package access

import (
	"context"
	"fmt"
	"time"

	"radagora/db"
)

// Rows returns a query for what is within reach at a site, for rooms that join
// their rows with it: columns person and study, of which one may be empty. A row
// may come twice, and for a reach of nobody there is none. The query is "" if
// everybody is within reach. The query's arguments stand from $first on. Whoever is
// within reach under one identifier is so under all that are theirs.
//
// It finds few rows by an index, so the room's query begins with it and looks its
// own rows up by person.
func (r Reach) Rows(site string, now time.Time, first int) (query string, args []any) {
	switch {
	case r.All:
		return "", nil
	case r.Account != "":
		related := fmt.Sprintf(`from access_relation r %%s where r.user_id = $%d and r.site_id = $%d
			and r.ended_at = 0 and (r.until = 0 or r.until > $%d)`, first, first+1, first+2)
		return `select r.person, r.study ` + fmt.Sprintf(related, "") + ` union all select b.person, cast('' as text) ` +
			fmt.Sprintf(related, `join access_same a on a.site_id = r.site_id and a.person = r.person
				join access_same b on b.site_id = a.site_id and b.root = a.root`) + ` and b.person <> r.person`, []any{r.Account, site, db.Millis(now)}
	case r.Own != "":
		return fmt.Sprintf(`select cast($%[1]d as text) as person, cast('' as text) as study
			union all select b.person, cast('' as text) from access_same a join access_same b on b.site_id = a.site_id and b.root = a.root
			where a.person = $%[1]d and a.site_id = $%[2]d and b.person <> $%[1]d`, first, first+1), []any{r.Own, site}
	case r.Study != "":
		return fmt.Sprintf(`select cast('' as text) as person, cast($%d as text) as study`, first), []any{r.Study}
	}
	return `select cast('' as text) as person, cast('' as text) as study where 1 = 0`, nil
}

// Wished returns a condition that holds for a person who has a wish now. The
// arguments are expressions of the room's own query; wishes are few and found by
// an index.
func Wished(site, person string, w Wish) string {
	return `exists (select 1 from access_wish where access_wish.site_id = ` + site + ` and access_wish.person = ` + person +
		` and access_wish.wish = '` + string(w) + `' and access_wish.until = 0)`
}

// Secondary returns an error unless whoever asks may take rows of a site for
// another use than care and the site's own quality. Whoever may, leaves out the
// persons who wish NoSecondary or Restricted, and those nobody knows: they could
// not have been asked. Every such selection passes here, and is journalled.
func (f *Facts) Secondary(ctx context.Context, site, what string, purpose Purpose) error {
	if err := Check(ctx, SecondaryUse, Subject{Site: site}); err != nil {
		return err
	}
	return f.Narrowed(ctx, site, what, purpose)
}

// Narrowed journals a selection as Secondary does, of somebody whose role lets them see
// what it comes to for that purpose alone: they see less than others, and need no more
// right than to see it.
func (f *Facts) Narrowed(ctx context.Context, site, what string, purpose Purpose) error {
	return f.DB.Write(ctx, func(tx *db.Tx) error {
		return f.record(ctx, tx, site, "access.secondary.selected", "", "", map[string]any{"what": what, "purpose": string(purpose)}, nil)
	})
}
