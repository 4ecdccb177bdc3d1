package person

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir/search"
)

// A Card is how somebody is found by other systems: one for each identifier. Printed or
// logged it shows no more than its id.
type Card struct {
	Site, Key          string
	ID                 string // what other systems call the person: it says nothing and never changes
	Issuer, Identifier string // "" if the key does not show them
	Name               string // as in DICOM
	BirthDate          string // 2006-01-02
	Sex                string
	Changed            time.Time
}

// Format implements fmt.Formatter.
func (c Card) Format(w fmt.State, _ rune) { fmt.Fprintf(w, "patient %s [personal]", c.ID) }

// LogValue implements slog.LogValuer.
func (c Card) LogValue() slog.Value { return slog.StringValue("patient " + c.ID + " [personal]") }

var lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ResourceID returns what other systems call a person: a keyed hash of the key, "" for
// nobody.
func (r *Register) ResourceID(site, key string) string {
	if key == "" {
		return ""
	}
	var sum []byte
	if r.Mark != nil {
		sum = r.Mark(site, key)
	} else {
		plain := sha256.Sum256([]byte(site + "\x00" + key))
		sum = plain[:]
	}
	return lower.EncodeToString(sum[:20])
}

const fromCard = `select site_id, person, resource_id, issuer, identifier, name, birth_date, sex, changed_ms from person_patient `

func scanCard(r *db.Rows) (c Card, err error) {
	var changed int64
	err = r.Scan(&c.Site, &c.Key, &c.ID, &c.Issuer, &c.Identifier, &c.Name, &c.BirthDate, &c.Sex, &changed)
	c.Changed = db.FromMillis(changed)
	return c, err
}

// Card returns the person that other systems call id. NotFound: there is none.
func (*Register) Card(ctx context.Context, q db.Querier, site, id string) (Card, error) {
	list, err := db.List(ctx, q, scanCard, fromCard+`where site_id = $1 and resource_id = $2`, site, id)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "there is no such Patient")
	}
	if err != nil {
		return Card{}, err
	}
	return list[0], nil
}

// card returns the card of a key, the zero Card if there is none.
func (*Register) card(ctx context.Context, q db.Querier, site, key string) (Card, error) {
	list, err := db.List(ctx, q, scanCard, fromCard+`where site_id = $1 and person = $2`, site, key)
	if err != nil || len(list) == 0 {
		return Card{}, err
	}
	return list[0], nil
}

// CardOf returns the card of a key. NotFound: there is none.
func (r *Register) CardOf(ctx context.Context, q db.Querier, site, key string) (Card, error) {
	c, err := r.card(ctx, q, site, key)
	if err == nil && c.Key == "" {
		err = fault.Errorf(fault.NotFound, "there is no such Patient")
	}
	return c, err
}

// Introduce makes cards of persons who have none: of a study or an order that is shown.
// What is given of them stands until something better is known.
func (r *Register) Introduce(ctx context.Context, site string, given ...Card) error {
	var unknown []Card
	looked := map[string]bool{"": true}
	for _, c := range given {
		if looked[c.Key] {
			continue
		}
		looked[c.Key] = true
		had, err := r.card(ctx, r.DB, site, c.Key)
		if err != nil {
			return err
		}
		if had.Key == "" {
			unknown = append(unknown, c)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return r.DB.Write(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		for _, c := range unknown {
			if err := r.file(context.WithoutCancel(ctx), tx, site, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// file writes the card of a person anew: what facts say, else what objects do, else what
// is given.
func (r *Register) file(ctx context.Context, tx *db.Tx, site string, given Card) error {
	if given.Key == "" {
		return nil
	}
	had, err := r.card(ctx, tx, site, given.Key)
	if err != nil {
		return err
	}
	if had.Key == "" {
		if err := r.Facts.Arrived(ctx, tx, access.Person{Site: site, ID: given.Key}); err != nil {
			return err
		}
	}
	c := given
	c.Site, c.ID = site, r.ResourceID(site, given.Key)
	c.better(had)
	if !r.Nameless && r.Named != nil {
		seen, err := r.Named(ctx, tx, site, c.Key)
		if err != nil {
			return err
		}
		seen.better(c)
		c.Name, c.BirthDate, c.Sex = seen.Name, seen.BirthDate, seen.Sex
	}
	known, err := r.Known(ctx, tx, site, c.Key, time.Time{})
	if err != nil {
		return err
	}
	for kind, to := range map[FactKind]*string{Name: &c.Name, BirthDate: &c.BirthDate, Sex: &c.Sex} {
		if f, ok := known[kind]; ok {
			*to = f.Value
		}
	}
	if r.Nameless {
		c.Name, c.BirthDate = "", ""
	}
	if c.Identifier == "" && !strings.HasPrefix(c.Key, "sha256:") {
		c.Issuer, c.Identifier, _ = strings.Cut(c.Key, "|")
	}
	_, err = tx.Exec(ctx, `insert into person_patient (site_id, person, resource_id, issuer, identifier, name, name_folded, birth_date, sex, changed_ms)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (site_id, person) do update set issuer = excluded.issuer,
		identifier = excluded.identifier, name = excluded.name, name_folded = excluded.name_folded, birth_date = excluded.birth_date, sex = excluded.sex,
		changed_ms = excluded.changed_ms where person_patient.name <> excluded.name or person_patient.birth_date <> excluded.birth_date
		or person_patient.sex <> excluded.sex or person_patient.identifier <> excluded.identifier or person_patient.issuer <> excluded.issuer`,
		site, c.Key, c.ID, c.Issuer, c.Identifier, c.Name, foldName(c.Name), c.BirthDate, c.Sex, db.Millis(r.Now()))
	return err
}

// better fills in what c lacks.
func (c *Card) better(o Card) {
	for to, from := range map[*string]string{
		&c.Name: o.Name, &c.BirthDate: o.BirthDate, &c.Sex: o.Sex, &c.Issuer: o.Issuer, &c.Identifier: o.Identifier,
	} {
		if *to == "" {
			*to = from
		}
	}
}

// foldName returns the alphabetic group of a name as searches compare it, its components
// apart by ^.
func foldName(name string) string {
	alphabetic, _, _ := strings.Cut(name, "=")
	parts := strings.Split(alphabetic, "^")
	for i := range parts {
		parts[i] = search.Fold(parts[i])
	}
	return strings.TrimRight(strings.Join(parts, "^"), "^")
}

// refile writes the cards of everybody anew who is the same as one of the keys.
func (r *Register) refile(ctx context.Context, tx *db.Tx, site string, keys ...string) error {
	done := map[string]bool{}
	for _, key := range keys {
		if done[key] {
			continue
		}
		all, err := r.KeysIn(ctx, tx, site, key)
		if err != nil {
			return err
		}
		for _, k := range all {
			if done[k] {
				continue
			}
			done[k] = true
			if err := r.file(ctx, tx, site, Card{Key: k}); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileFacts writes the cards anew of those of whom something was said that cards show,
// or of whom nothing was.
func (r *Register) fileFacts(ctx context.Context, tx *db.Tx, fresh []Fact) error {
	done := map[string]bool{}
	for _, f := range fresh {
		if done[f.Key] {
			continue
		}
		body := slices.Contains(bodyKinds, f.Kind)
		if body {
			had, err := r.card(ctx, tx, f.Site, f.Key)
			if err != nil {
				return err
			}
			if had.Key != "" {
				continue
			}
		}
		done[f.Key] = !body
		if err := r.refile(ctx, tx, f.Site, f.Key); err != nil {
			return err
		}
		if f.Kind == Deceased {
			if err := r.touch(ctx, tx, f.Site, f.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// bodyKinds are the facts that change with time, and are Observations elsewhere.
var bodyKinds = []FactKind{Height, Weight, Pregnancy}

// relinked writes the cards anew of those whom a decision is about.
func (r *Register) relinked(ctx context.Context, tx *db.Tx, l Link) error {
	if l.Kind == Distinct {
		return nil
	}
	for _, end := range []string{l.A, l.B} {
		all, err := r.KeysIn(ctx, tx, l.Site, end)
		if err != nil {
			return err
		}
		if err := r.refile(ctx, tx, l.Site, end); err != nil {
			return err
		}
		if err := r.touch(ctx, tx, l.Site, all...); err != nil {
			return err
		}
	}
	return nil
}

// touch notes that something of a person's record changed that their card does not show.
func (r *Register) touch(ctx context.Context, tx *db.Tx, site string, keys ...string) error {
	for _, key := range keys {
		if _, err := tx.Exec(ctx, `update person_patient set changed_ms = $3 where site_id = $1 and person = $2`, site, key, db.Millis(r.Now())); err != nil {
			return err
		}
	}
	return nil
}

// fileAll makes the cards of those whom facts or objects named before there were any.
func (r *Register) fileAll(ctx context.Context) error {
	for ctx.Err() == nil {
		list, err := access.PersonsIn(ctx, r.DB, `select distinct f.site_id, f.person from person_fact f where not exists (select 1 from person_patient p
			where p.site_id = f.site_id and p.person = f.person) union select s.site_id, s.person from person_seen s where not exists (
			select 1 from person_patient p where p.site_id = s.site_id and p.person = s.person) limit 200`)
		if err != nil || len(list) == 0 {
			return err
		}
		err = r.DB.Write(ctx, func(tx *db.Tx) error {
			for _, p := range list {
				seen, err := db.List(ctx, tx, scanIdentifier, fromSeen+`where site_id = $1 and person = $2`, p.Site, p.ID)
				if err != nil {
					return err
				}
				c := Card{Key: p.ID}
				if len(seen) > 0 {
					c.Issuer, c.Identifier = seen[0].Issuer, seen[0].Value
				}
				if err := r.file(ctx, tx, p.Site, c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
