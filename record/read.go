package record

import (
	"context"
	"strconv"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
)

const (
	versionColumns = `r.resource_key, v.version, v.resource, v.updated_at, v.person, v.source, v.made_by`
	fromVersion    = `select ` + versionColumns + ` from record_resource r join record_version v on v.resource_key = r.resource_key `
	newest         = ` and v.version = r.version `
)

// Read returns the newest version of a resource: NotFound if there is none. Whether the
// caller may see it is for the door to ask, of its Person.
func (*Book) Read(ctx context.Context, q db.Querier, site, typ, id string) (Version, error) {
	return one(ctx, q, `where r.site_id = $1 and r.type = $2 and r.id = $3`+newest, site, typ, id)
}

// ReadKey returns a version of what the journal calls by a key: NotFound if there is
// none, any more.
func (*Book) ReadKey(ctx context.Context, q db.Querier, site, key string, number int64) (Version, error) {
	return one(ctx, q, `where r.site_id = $1 and r.resource_key = $2 and v.version = $3`, site, key, number)
}

// ReadVersion returns one version of a resource: NotFound if there is none.
func (*Book) ReadVersion(ctx context.Context, q db.Querier, site, typ, id, version string) (Version, error) {
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != version {
		return Version{}, fault.Errorf(fault.NotFound, "there is no such version")
	}
	return one(ctx, q, `where r.site_id = $1 and r.type = $2 and r.id = $3 and v.version = $4`, site, typ, id, n)
}

// History returns all versions of a resource, the newest first: NotFound if there is
// none.
func (*Book) History(ctx context.Context, q db.Querier, site, typ, id string) ([]Version, error) {
	all, err := db.List(ctx, q, scanVersion, fromVersion+`where r.site_id = $1 and r.type = $2 and r.id = $3 order by v.version desc`, site, typ, id)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "there is no such resource")
	}
	return all, err
}

// Mentioning returns the newest versions of the resources of a type that are about one
// of some persons and hold a string that ends in one of some texts, the oldest first:
// what may lead to something that no parameter of R4 finds, such as the reports of an
// ImagingStudy. Whether it does, and whether the caller may see it, is for the caller to
// ask.
func (*Book) Mentioning(ctx context.Context, q db.Querier, site, typ string, persons, texts []string) (all []Version, err error) {
	if len(texts) == 0 {
		return nil, nil
	}
	escaped := strings.NewReplacer(`!`, `!!`, `%`, `!%`, `_`, `!_`)
	args := []any{site, typ, ""}
	var either []string
	for _, text := range texts {
		args = append(args, "%"+escaped.Replace(string(fhir.AppendString(nil, text))[1:])+"%")
		either = append(either, "v.resource like $"+strconv.Itoa(len(args))+" escape '!'")
	}
	for _, person := range persons {
		args[2] = person
		list, err := db.List(ctx, q, scanVersion, fromVersion+`where r.site_id = $1 and r.type = $2 and r.person = $3`+newest+
			`and (`+strings.Join(either, " or ")+`) order by r.updated_at, r.resource_key`, args...)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func one(ctx context.Context, q db.Querier, where string, args ...any) (Version, error) {
	all, err := db.List(ctx, q, scanVersion, fromVersion+where, args...)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "there is no such resource")
	}
	if err != nil {
		return Version{}, err
	}
	return all[0], nil
}

func scanVersion(rows *db.Rows) (v Version, err error) {
	var text string
	var at int64
	if err := rows.Scan(&v.Key, &v.Number, &text, &at, &v.Person, &v.Source, &v.By); err != nil {
		return v, err
	}
	return v.parsed(text, db.FromMillis(at))
}

// parsed fills a version from its row.
func (v Version) parsed(text string, at time.Time) (Version, error) {
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		return v, fault.Errorf(fault.Internal, "version %d of resource %s cannot be read", v.Number, v.Key)
	}
	v.Updated = at
	v.Resource, err = dressed(r, v.Number, at)
	return v, err
}
