package survey

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/mail"
	"strings"

	"radagora/db"
	"radagora/fault"
)

// An Invite is somebody who is invited.
type Invite struct {
	Name, Address, Language, Stratum string
}

// An Invited is an invitation as it stands.
type Invited struct {
	Invite
	Opened, Spent bool
	Reminded      int
	Answer        string // of a survey that is not anonymous and not closed, or named
	Secret        string // of the address, where it is asked for
	slot          int64
	seed          string
}

// ReadInvites reads a list of members: comma-separated, with a line of column names, of
// which address or name is needed, and language and group may be there.
func ReadInvites(r io.Reader) (all []Invite, err error) {
	const most = 16 << 20
	in := csv.NewReader(io.LimitReader(r, most))
	in.FieldsPerRecord = -1
	in.TrimLeadingSpace = true
	head, err := in.Read()
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "the list needs a line of column names: name, address, language, group")
	}
	place := map[string]int{}
	for i, name := range head {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		switch name {
		case "name", "address", "language", "group":
			if _, twice := place[name]; twice {
				return nil, fault.Errorf(fault.Invalid, "column %s is there twice", name)
			}
			place[name] = i
		default:
			return nil, fault.Errorf(fault.Invalid, "column %q: only name, address, language and group are taken; nothing else is to be kept", cut(name))
		}
	}
	for line := 2; ; line++ {
		row, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "line %d of the list is no line of comma-separated values", line)
		}
		of := func(name string) string {
			if i, ok := place[name]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		x := Invite{Name: of("name"), Address: of("address"), Language: of("language"), Stratum: of("group")}
		if err := x.check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if all = append(all, x); len(all) > mostInvited {
			return nil, fault.Errorf(fault.Exhausted, "the list has more than %d lines", mostInvited)
		}
	}
	if len(all) == 0 {
		return nil, fault.Errorf(fault.Invalid, "the list names nobody")
	}
	return all, nil
}

// check refuses what is no invitation, without repeating a name or an address.
func (x *Invite) check() error {
	if x.Name == "" && x.Address == "" {
		return fault.Errorf(fault.Invalid, "an invitation needs a name or an address")
	}
	for what, s := range map[string]string{"name": x.Name, "address": x.Address, "group": x.Stratum, "language": x.Language} {
		if !plain(s, mostLine) || strings.ContainsAny(s, "\r\n") {
			return fault.Errorf(fault.Invalid, "%s: one line of at most %d bytes", what, mostLine)
		}
	}
	if x.Address != "" {
		if a, err := mail.ParseAddress(x.Address); err != nil || a.Address != x.Address {
			return fault.Errorf(fault.Invalid, "the address is none of mail")
		}
	}
	return nil
}

// Add invites people. Who is invited already, by address, is not invited twice.
func (d *Desk) Add(ctx context.Context, siteID, id string, list []Invite, by string) (added int, err error) {
	for i := range list {
		if err := list[i].check(); err != nil {
			return 0, err
		}
	}
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		added = 0
		s, err := d.find(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		switch {
		case s.State != Draft && s.State != Open:
			return fault.Errorf(fault.Conflict, "the survey is %s: nobody is invited any more", s.State)
		case s.Plan.Link:
			return fault.Errorf(fault.Conflict, "everybody who has the address may answer: invitations would ask the same people twice")
		}
		n := 0
		if err := tx.QueryRow(ctx, `select count(*) from survey_invite where site_id = $1 and survey_id = $2`, siteID, id).Scan(&n); err != nil {
			return err
		}
		if n+len(list) > mostInvited {
			return fault.Errorf(fault.Exhausted, "a survey has at most %d invitations", mostInvited)
		}
		there, err := db.List(ctx, tx, func(r *db.Rows) (a string, err error) { err = r.Scan(&a); return a, err },
			`select address from survey_invite where site_id = $1 and survey_id = $2`, siteID, id)
		if err != nil {
			return err
		}
		known := map[string]bool{}
		for _, a := range there {
			known[strings.ToLower(a)] = true
		}
		for _, x := range list {
			if key := strings.ToLower(x.Address); key != "" {
				if known[key] {
					continue
				}
				known[key] = true
			}
			if err := d.invite(ctx, tx, &s, x); err != nil {
				return err
			}
			added++
		}
		if added == 0 {
			return nil
		}
		return d.note(ctx, tx, &s, by, "survey.invited", map[string]any{"invitations": added})
	})
	return added, err
}

// invite keeps one invitation, at a random place.
func (d *Desk) invite(ctx context.Context, tx *db.Tx, s *Survey, x Invite) error {
	for {
		seed := chance()
		n, err := tx.Exec(ctx, `insert into survey_invite (slot, site_id, survey_id, seed, secret, name, address, language, stratum) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (slot) do nothing`,
			place(), s.Site, s.ID, seed, digest(d.secretOf(s.ID, seed)), x.Name, x.Address, x.Language, x.Stratum)
		if err != nil || n == 1 {
			return err
		}
	}
}

// Invitations returns who is invited and how far they are, without the secrets of their
// addresses. Of an anonymous survey it says who has begun, and never what they said.
func (d *Desk) Invitations(ctx context.Context, siteID, id string) ([]Invited, error) {
	return db.List(ctx, d.DB, scanInvited, selectInvite+` where site_id = $1 and survey_id = $2 order by stratum, name, address`, siteID, id)
}

const selectInvite = `select slot, seed, name, address, language, stratum, opened, spent, reminded, answer from survey_invite`

func scanInvited(r *db.Rows) (x Invited, err error) {
	var opened, spent int
	err = r.Scan(&x.slot, &x.seed, &x.Name, &x.Address, &x.Language, &x.Stratum, &opened, &spent, &x.Reminded, &x.Answer)
	x.Opened, x.Spent = opened != 0, spent != 0
	return x, err
}

// Letters returns the invitations whose address is to be sent: all, or with remind those
// that nobody used. Each is counted as reminded; the secrets are those of before.
func (d *Desk) Letters(ctx context.Context, siteID, id string, remind bool, by string) (all []Invited, err error) {
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := d.find(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		if s.State != Open {
			return fault.Errorf(fault.Conflict, "the survey is %s: open it before its addresses are sent", s.State)
		}
		where := ` where site_id = $1 and survey_id = $2`
		if remind {
			where += ` and spent = 0`
			if s.Mode != Anonymous { // who has begun and not ended is known
				where = ` where site_id = $1 and survey_id = $2 and not exists (select 1 from survey_answer a where a.answer = survey_invite.answer and a.state <> 'begun')`
			}
		}
		all, err = db.List(ctx, tx, scanInvited, selectInvite+where+` order by stratum, name, address`, siteID, id)
		if err != nil {
			return err
		}
		for i := range all {
			all[i].Secret = d.secretOf(id, all[i].seed)
			if remind {
				if _, err := tx.Exec(ctx, `update survey_invite set reminded = reminded + 1 where slot = $1`, all[i].slot); err != nil {
					return err
				}
			}
		}
		kind := "survey.addresses.told"
		if remind {
			kind = "survey.reminded"
		}
		return d.note(ctx, tx, &s, by, kind, map[string]any{"invitations": len(all)})
	})
	return all, err
}

// secretOf is the secret of the address of an invitation.
func (d *Desk) secretOf(survey, seed string) string { return d.derive("invitation", survey, seed) }

// A Group is those who were invited with one name of a group.
type Group struct {
	Name                   string
	Invited, Opened, Begun int
	Reminded               int // how often, at most
}

// Groups counts the invitations of a survey by group, in the order of their names.
func (d *Desk) Groups(ctx context.Context, siteID, id string) ([]Group, error) {
	return db.List(ctx, d.DB, func(r *db.Rows) (g Group, err error) {
		err = r.Scan(&g.Name, &g.Invited, &g.Opened, &g.Begun, &g.Reminded)
		return g, err
	}, `select stratum, count(*), sum(opened), sum(spent), max(reminded) from survey_invite where site_id = $1 and survey_id = $2 group by stratum order by stratum`, siteID, id)
}
