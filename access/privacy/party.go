package privacy

import (
	"context"
	"slices"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// The roles of a Party.
const (
	Processor       = "processor"
	SubProcessor    = "sub_processor"
	Recipient       = "recipient"
	JointController = "joint_controller"
)

// A Party is an organisation that gets data (GDPR Art. 26, 28, 30(1)(d)).
type Party struct {
	ID, Site   string
	Role       string
	Name       string
	Contact    string // an office, no person
	Task       string // what it does with the data
	Contract   string // reference
	ContractOn string // day
	ReviewOn   string // day on which somebody looks at the contract again
	Country    string // ISO 3166-1 alpha-2
	Transfer   string // none, adequacy, clauses, rules, derogation (GDPR chapter V)
	Under      string // id of the processor of a sub-processor
	EndedOn    string // day; "" while it gets data
	Version    int64  // counts changes; KeepParty refuses an old one
}

// Roles returns the roles of parties in the order in which they are shown.
func Roles() []string { return []string{Processor, SubProcessor, Recipient, JointController} }

// Transfers returns the bases of a transfer. "none" means that the data stay in the
// European Economic Area.
func Transfers() []string { return []string{"none", "adequacy", "clauses", "rules", "derogation"} }

// check refuses what cannot be a party.
func (p Party) check() error {
	for what, text := range map[string]string{"name": p.Name, "contact": p.Contact, "task": p.Task, "contract": p.Contract} {
		if err := short("party: "+what, text, 1000); err != nil {
			return err
		}
	}
	for _, day := range []string{p.ContractOn, p.ReviewOn, p.EndedOn} {
		if _, err := parseDay(day); day != "" && err != nil {
			return err
		}
	}
	switch {
	case strings.TrimSpace(p.Name) == "":
		return fault.Errorf(fault.Invalid, "party: it needs a name")
	case !slices.Contains(Roles(), p.Role):
		return fault.Errorf(fault.Invalid, "party: the role is one of %s", strings.Join(Roles(), ", "))
	case !slices.Contains(Transfers(), p.Transfer):
		return fault.Errorf(fault.Invalid, "party: the basis of a transfer is one of %s", strings.Join(Transfers(), ", "))
	case len(p.Country) != 2 || strings.ToUpper(p.Country) != p.Country:
		return fault.Errorf(fault.Invalid, "party: write the country as two capital letters (ISO 3166-1), such as IE")
	case (p.Role == SubProcessor) != (p.Under != ""):
		return fault.Errorf(fault.Invalid, "party: a sub-processor, and nobody else, stands under a processor")
	}
	return nil
}

// KeepParty notes a party, or changes the one with its ID, and returns the id.
// Conflict: somebody changed it since it was read.
func (d *Desk) KeepParty(ctx context.Context, p Party) (string, error) {
	if err := access.Check(ctx, access.RegisterChange, access.Subject{Site: p.Site}); err != nil {
		return "", err
	}
	if err := p.check(); err != nil {
		return "", err
	}
	kind := "privacy.party.changed"
	if p.ID == "" {
		p.ID, p.Version, kind = db.NewID(), 0, "privacy.party.added"
	}
	return p.ID, d.DB.Write(ctx, func(tx *db.Tx) error {
		if err := d.under(ctx, tx, p); err != nil {
			return err
		}
		by, now := access.From(ctx).ID, db.Millis(d.Now())
		n, err := tx.Exec(ctx, `update privacy_party set role = $3, name = $4, contact = $5, task = $6, contract = $7, contract_on = $8,
			review_on = $9, country = $10, transfer = $11, under = $12, ended_on = $13, version = version + 1, changed_by = $14, changed_at = $15
			where party_id = $1 and site_id = $2 and version = $16`, p.ID, p.Site, p.Role, p.Name, p.Contact, p.Task, p.Contract, p.ContractOn,
			p.ReviewOn, p.Country, p.Transfer, p.Under, p.EndedOn, by, now, p.Version)
		switch {
		case err != nil:
			return err
		case n == 0 && p.Version > 0:
			return fault.Errorf(fault.Conflict, "party %s was changed meanwhile: read it again", p.ID)
		case n == 0:
			_, err = tx.Exec(ctx, `insert into privacy_party (party_id, site_id, role, name, contact, task, contract, contract_on, review_on,
				country, transfer, under, version, ended_on, changed_by, changed_at)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, $15)`, p.ID, p.Site, p.Role, p.Name, p.Contact, p.Task,
				p.Contract, p.ContractOn, p.ReviewOn, p.Country, p.Transfer, p.Under, p.EndedOn, by, now)
		}
		if err != nil {
			return err
		}
		return d.Journal.Append(ctx, tx, d.entry(ctx, p.Site, kind, p.ID, map[string]any{
			"role": p.Role, "name": p.Name, "contract": p.Contract, "country": p.Country, "transfer": p.Transfer, "ended": p.EndedOn,
		}))
	})
}

// under checks that a sub-processor stands under a processor of its site.
func (*Desk) under(ctx context.Context, tx *db.Tx, p Party) error {
	if p.Under == "" {
		return nil
	}
	var n int
	err := tx.QueryRow(ctx, `select count(*) from privacy_party where party_id = $1 and site_id = $2 and role = $3`,
		p.Under, p.Site, Processor).Scan(&n)
	if err == nil && n == 0 {
		err = fault.Errorf(fault.Invalid, "party: there is no processor %s at this site", p.Under)
	}
	return err
}

// Parties returns who gets data of a site, sorted by name, those that ended too.
func (d *Desk) Parties(ctx context.Context, siteID string) ([]Party, error) {
	if err := access.Check(ctx, access.RegisterRead, access.Subject{Site: siteID}); err != nil {
		return nil, err
	}
	return d.parties(ctx, siteID, true)
}

func (d *Desk) parties(ctx context.Context, siteID string, ended bool) ([]Party, error) {
	today, err := d.today(ctx, siteID)
	if err != nil {
		return nil, err
	}
	all, err := db.List(ctx, d.DB, func(r *db.Rows) (p Party, err error) {
		return p, r.Scan(&p.ID, &p.Site, &p.Role, &p.Name, &p.Contact, &p.Task, &p.Contract, &p.ContractOn, &p.ReviewOn, &p.Country,
			&p.Transfer, &p.Under, &p.EndedOn, &p.Version)
	}, `select party_id, site_id, role, name, contact, task, contract, contract_on, review_on, country, transfer, under, ended_on, version
		from privacy_party where site_id = $1 order by name, party_id`, siteID)
	if ended {
		return all, err
	}
	return slices.DeleteFunc(all, func(p Party) bool { return p.EndedOn != "" && p.EndedOn <= today }), err
}
