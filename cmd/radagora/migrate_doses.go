package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/archive/exchange"
)

type migrateDosesCmd struct {
	Add    migrateDosesAddCmd    `cmd:"" help:"Ask a peer each night for the doses of the day before."`
	List   migrateDosesListCmd   `cmd:"" help:"List what is asked each night."`
	Remove migrateDosesRemoveCmd `cmd:"" help:"Ask no more."`
}

type migrateDosesAddCmd struct {
	settings
	From     string   `required:"" placeholder:"AE" help:"Application entity title of the peer to ask."`
	Modality []string `required:"" help:"Modality, such as CT; repeat for several."`
	At       string   `default:"02:00" placeholder:"HH:MM" help:"When to ask, at the site."`
	Name     string   `help:"Name of the rule; without it, the peer's title."`
}

func (migrateDosesAddCmd) Help() string {
	return `Each night the peer is asked what was examined the day before. Structured reports are fetched; of a study without,
one image for each irradiation event. Prints the id of the rule.
` + needsFolder + `

Example:

    radagora migrate doses add --data /var/lib/radagora --from PACS --modality CT --modality XA --at 02:00`
}

// Run adds a rule.
func (c migrateDosesAddCmd) Run(ctx context.Context, sys *system) error {
	t, err := time.Parse("15:04", c.At)
	if err != nil {
		return wrong("--at: HH:MM is due, such as 02:00")
	}
	name := c.Name
	if name == "" {
		name = c.From
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.RuleChange); err != nil {
			return err
		}
		if _, err := h.Sites.Peer(ctx, at, c.From); err != nil {
			return err
		}
		id, err := h.Exchange.SetDoseRule(ctx, access.From(ctx).ID, exchange.DoseRule{
			Site: at, Name: name, Active: true, Peer: c.From, Modality: c.Modality, Minute: t.Hour()*60 + t.Minute(),
		})
		if err == nil {
			_, err = fmt.Fprintln(sys.Out, id)
		}
		return err
	})
}

type migrateDosesListCmd struct{ settings }

func (migrateDosesListCmd) Help() string {
	return `Prints each rule, the last day that was asked about and how many studies that day had.
` + needsFolder + `

Example:

    radagora migrate doses list --data /var/lib/radagora`
}

// Run lists the rules.
func (c migrateDosesListCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.TransferRead); err != nil {
			return err
		}
		rules, err := h.Exchange.DoseRules(ctx, at)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "id\tname\tpeer\tmodality\tat\tasked\tstudies\treason")
		for _, r := range rules {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%02d:%02d\t%s\t%d\t%s\n", r.ID, r.Name, r.Peer, strings.Join(r.Modality, " "), r.Minute/60, r.Minute%60, r.Asked, r.Studies, r.Reason)
		}
		return w.Flush()
	})
}

type migrateDosesRemoveCmd struct {
	settings
	ID string `arg:"" help:"Id, as list prints it."`
}

func (migrateDosesRemoveCmd) Help() string {
	return `Forgets a rule. What it began goes on.
` + needsFolder + `

Example:

    radagora migrate doses remove --data /var/lib/radagora 01a2…`
}

// Run forgets a rule.
func (c migrateDosesRemoveCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.RuleChange); err != nil {
			return err
		}
		return h.Exchange.RemoveDoseRule(ctx, access.From(ctx).ID, at, c.ID)
	})
}
