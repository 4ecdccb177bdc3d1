package record

import (
	"context"
	"encoding/json"
	"iter"
	"strconv"

	"radagora/access"
	"radagora/db"
)

var _ access.Roll = (*Book)(nil)

// Persons returns everybody whom a version of a resource is about.
func (*Book) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	return access.PersonsIn(ctx, q, `select distinct site_id, person from record_version where person <> '' order by 1, 2`)
}

// Export yields every version of every resource about a person.
func (b *Book) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		list, err := db.List(ctx, b.DB, scanVersion, fromVersion+`where v.site_id = $1 and v.person = $2 order by v.resource_key, v.version`, p.Site, p.ID)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, v := range list {
			data, err := json.Marshal(map[string]any{"source": v.Source, "written_by": v.By, "resource": v.Resource})
			id := v.Resource.Type() + "/" + v.Resource.ID() + "/_history/" + strconv.FormatInt(v.Number, 10)
			if !yield(access.Record{Room: "record", Kind: "resource", ID: id, Data: data}, err) || err != nil {
				return
			}
		}
	}
}

// about are the resources whose newest version is about a person.
const about = `(select resource_key from record_resource where site_id = $1 and person = $2)`

// erasures are what goes with a person; $1 is the site and $2 the person. A resource
// whose newest version is about somebody else loses only what it was before.
var erasures = []string{
	`delete from record_index where resource_key in ` + about,
	`delete from record_version where site_id = $1 and (person = $2 or resource_key in ` + about + `)`,
	`delete from record_resource where site_id = $1 and person = $2`,
}

// Erase removes every version about a person, and resources that are about them now
// with all their versions.
func (*Book) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	count := int64(0)
	for i, s := range erasures {
		n, err := tx.Exec(ctx, s, p.Site, p.ID)
		if err != nil {
			return 0, err
		}
		if i > 0 {
			count += n
		}
	}
	return int(count), nil
}

// Restrict does nothing here: Find leaves out whoever wishes it, and what is read by its
// id is asked of access by the door.
func (*Book) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
