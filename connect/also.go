package connect

import (
	"context"
	"slices"

	"radagora/access"
	"radagora/db"
)

// parts returns what a message says of each of its patients, the first one first.
func (e Effect) parts() []Effect { return append([]Effect{e}, e.Further...) }

// personsOf names everybody a message speaks of, as the other rooms do: by each number
// it has, those that are given up too.
func (r *Register) personsOf(e Effect, c Channel) (keys []string) {
	for _, p := range e.parts() {
		for _, n := range slices.Concat(p.Patient.Numbers, p.Prior, p.Left) {
			if key := r.key(n, c); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// file notes whom else a message speaks of.
func (*Register) file(ctx context.Context, tx *db.Tx, m Message) error {
	for _, key := range m.Others {
		_, err := tx.Exec(ctx, `insert into connect_also (site_id, person, message_id) values ($1, $2, $3) on conflict do nothing`, m.Site, key, m.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// others returns whom else a message speaks of.
func (*Register) others(ctx context.Context, q db.Querier, m Message) ([]string, error) {
	return db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select person from connect_also where message_id = $1 order by person`, m.ID)
}

// ofPerson is the condition that a message speaks of somebody; site and person are the
// places of the arguments.
func ofPerson(site, person string) string {
	return `message_id in (select message_id from connect_message where person <> '' and site_id = ` + site + ` and person = ` + person + `
		union select message_id from connect_also where site_id = ` + site + ` and person = ` + person + `)`
}

// Persons returns everybody the message speaks of, nobody if it names none.
func (m Message) Persons() []string {
	if m.Person == "" {
		return m.Others
	}
	return append([]string{m.Person}, m.Others...)
}

// may asks whether somebody may do something with a message: with what it says of each
// person it speaks of.
func may(ctx context.Context, act access.Act, m Message) error {
	if err := access.Check(ctx, act, access.Subject{Site: m.Site, Person: m.Person}); err != nil {
		return err
	}
	for _, key := range m.Others {
		if err := access.Check(ctx, act, access.Subject{Site: m.Site, Person: key}); err != nil {
			return err
		}
	}
	return nil
}
