package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/person"
	"radagora/site"
)

type personCmd struct {
	Find       personFindCmd       `cmd:"" help:"Show the identifiers of a person, what was decided, and who may be the same."`
	Link       personLinkCmd       `cmd:"" help:"Decide that two identifiers mean the same person, or that they do not."`
	Unlink     personUnlinkCmd     `cmd:"" help:"Undo a decision."`
	Duplicates personDuplicatesCmd `cmd:"" help:"List pairs that may be the same person."`
	Sizes      personSizesCmd      `cmd:"" help:"Heights and weights of persons."`
}

// An identifier as it is typed is ISSUER|ID; without a bar it has no issuer.
func (h *house) typed(s string) string {
	issuer, id, ok := strings.Cut(s, "|")
	if !ok {
		issuer, id = "", s
	}
	return h.Archive.Key(strings.TrimSpace(issuer), strings.TrimSpace(id))
}

// shownKey returns an identifier as it is printed.
func shownKey(key string) string {
	issuer, id, _ := strings.Cut(key, "|")
	return issuer + "|" + archive.Short(id)
}

// looked notes in the journal that the identity of persons was shown, before it is.
func (h *house) looked(ctx context.Context, what string, keys ...string) error {
	data, err := json.Marshal(map[string]any{"what": what, "purpose": string(access.From(ctx).For(site.Default)), "count": 1})
	if err != nil {
		return err
	}
	var all []journal.Entry
	seen := map[string]bool{}
	for _, key := range keys {
		if err := access.Check(ctx, access.IdentityRead, access.Subject{Site: site.Default, Person: key}); err != nil {
			return err
		}
		if !seen[key] {
			seen[key] = true
			all = append(all, journal.Entry{Site: site.Default, Actor: access.From(ctx).ID, Kind: string(access.IdentityRead), Data: data, Person: key})
		}
	}
	return h.DB.Write(ctx, func(tx *db.Tx) error { return h.Journal.Append(ctx, tx, all...) })
}

type personFindCmd struct {
	settings
	Name  bool   `help:"The text is the beginning of a name, not a patient ID."`
	Limit int    `default:"20" help:"Most persons shown for a name."`
	Text  string `arg:"" help:"Patient ID, ISSUER|ID, or with --name the beginning of a name, such as MEIER^A."`
}

func (personFindCmd) Help() string {
	return `Shows for each identifier how studies name the person, the identifiers that are linked with it, what people
decided, and who may be the same: born on the same day under a similar name. Whoever looks is in the journal.

Example:

    radagora person find --data /var/lib/radagora 'HOSPITAL|12345'`
}

// Run prints what is known.
func (c personFindCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		keys, err := c.keys(ctx, h)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			return fault.Errorf(fault.NotFound, "no person of that identifier or name")
		}
		if err := h.looked(ctx, "person find", keys...); err != nil {
			return err
		}
		for _, key := range keys {
			if err := h.describe(ctx, sys.Out, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// keys returns the persons asked for.
func (c personFindCmd) keys(ctx context.Context, h *house) (keys []string, err error) {
	add := func(key string) {
		if slices.Contains(keys, key) {
			return
		}
		keys = append(keys, key)
	}
	if c.Name {
		found, err := h.Archive.PatientsNamed(ctx, site.Default, c.Text, c.Limit)
		for _, p := range found {
			add(p.Person)
		}
		return keys, err
	}
	_, id, _ := strings.Cut(h.typed(c.Text), "|")
	found, err := h.Persons.Find(ctx, site.Default, id)
	for _, i := range found {
		if !strings.Contains(c.Text, "|") || i.Key == h.typed(c.Text) {
			add(i.Key)
		}
	}
	if of, err := h.Archive.Patient(ctx, site.Default, h.typed(c.Text)); err == nil && len(of) > 0 {
		add(h.typed(c.Text)) // of before identifiers were learnt
	}
	return keys, err
}

// describe prints one person.
func (h *house) describe(ctx context.Context, out io.Writer, key string) error {
	linked, err := h.Persons.Keys(ctx, site.Default, key)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for i, k := range linked {
		what := "identifier"
		if i > 0 {
			what = "linked"
		}
		named, err := h.Archive.Patient(ctx, site.Default, k)
		if err != nil {
			return err
		}
		for _, p := range named {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d studies\n", what, shownKey(k), archive.Short(p.Name.Reveal()), p.BirthDate.Reveal(), p.Sex.Reveal(), p.Studies)
		}
		if len(named) == 0 {
			fmt.Fprintf(w, "%s\t%s\t\t\t\tno studies\n", what, shownKey(k))
		}
	}
	decided, err := h.Persons.Links(ctx, site.Default, key)
	if err != nil {
		return err
	}
	for _, l := range decided {
		state := "holds"
		if !l.Ended.IsZero() {
			state = "undone " + l.Ended.UTC().Format(time.DateOnly) + " by " + l.EndedBy
		}
		fmt.Fprintf(w, "decided\t%s\t%s\t%s %s\t%s %s\t%s\n", l.ID, l.Kind, shownKey(l.A), shownKey(l.B), l.Made.UTC().Format(time.DateOnly), l.MadeBy, state)
	}
	likely, err := h.Persons.Candidates(ctx, site.Default, key)
	if err != nil {
		return err
	}
	for _, c := range likely {
		fmt.Fprintf(w, "candidate\t%s\t%.2f\t%s\n", shownKey(c.B), c.Score, strings.Join(c.Why, " "))
	}
	return w.Flush()
}

type personLinkCmd struct {
	settings
	Merge    bool   `xor:"kind" help:"The first identifier is given up for the second (HL7 v2 A40)."`
	Distinct bool   `xor:"kind" help:"They are two persons, whatever proposes otherwise."`
	Reason   string `required:"" placeholder:"TEXT" help:"Why; kept with the decision."`
	A        string `arg:"" help:"Patient ID or ISSUER|ID."`
	B        string `arg:"" help:"The other one."`
}

func (personLinkCmd) Help() string {
	return `Nothing is rewritten: objects and their rows stay under the identifier they came with. A person's rights are
met under all identifiers, and what the person asked for under one holds for all.

Example:

    radagora person link --data /var/lib/radagora --reason 'same insurance card' 'HOSPITAL|12345' 'OLD|77'`
}

// Run notes the decision.
func (c personLinkCmd) Run(ctx context.Context, sys *system) error {
	kind := person.Linked
	switch {
	case c.Merge:
		kind = person.Merged
	case c.Distinct:
		kind = person.Distinct
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		l := person.Link{Site: site.Default, Kind: kind, A: h.typed(c.A), B: h.typed(c.B), Reason: c.Reason}
		for _, key := range []string{l.A, l.B} {
			if known, err := h.Archive.Patient(ctx, site.Default, key); err != nil || len(known) == 0 {
				if err == nil {
					err = fault.Errorf(fault.NotFound, "no study of one of the identifiers: write them as ISSUER|ID, as radagora person find shows them")
				}
				return err
			}
		}
		id, err := h.Persons.Link(ctx, l)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "%s %s\n", kind, id)
		return err
	})
}

type personUnlinkCmd struct {
	settings
	Reason string `required:"" placeholder:"TEXT" help:"Why; kept with the decision."`
	ID     string `arg:"" help:"The decision, as radagora person find shows it."`
}

func (personUnlinkCmd) Help() string {
	return `Undoes a link, a merge, or that two are distinct. What the person asked for stays with all identifiers.

Example:

    radagora person unlink --data /var/lib/radagora --reason 'two sisters' 0198c1f2-…`
}

// Run undoes the decision.
func (c personUnlinkCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := h.Persons.Unlink(ctx, site.Default, c.ID, c.Reason); err != nil {
			return err
		}
		_, err := fmt.Fprintf(sys.Out, "undone %s\n", c.ID)
		return err
	})
}

type personDuplicatesCmd struct {
	settings
	After string `placeholder:"YYYYMMDD" help:"Go on behind this birth date."`
	Limit int    `default:"100" help:"How many pairs, and the rest of the day with which they are reached."`
}

func (personDuplicatesCmd) Help() string {
	return `Lists pairs of identifiers born on the same day under similar names about which nobody decided, the likeliest of
each day first. Names are compared where they are kept, and are not printed.

Example:

    radagora person duplicates --data /var/lib/radagora`
}

// Run prints the pairs.
func (c personDuplicatesCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		all, next, err := h.Persons.Duplicates(ctx, site.Default, c.After, c.Limit)
		if err != nil {
			return err
		}
		var keys []string
		for _, p := range all {
			keys = append(keys, p.A, p.B)
		}
		if err := h.looked(ctx, "person duplicates", keys...); err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 4, 2, ' ', 0)
		for _, p := range all {
			fmt.Fprintf(w, "%s\t%s\t%.2f\t%s\n", shownKey(p.A), shownKey(p.B), p.Score, strings.Join(p.Why, " "))
		}
		if next != "" {
			fmt.Fprintf(w, "there may be more: --after %s\n", next)
		} else {
			fmt.Fprintf(w, "%d pairs\n", len(all))
		}
		return w.Flush()
	})
}
