package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/fault"
	"radagora/person"
	"radagora/site"
	"radagora/worklist"
)

type worklistLifeCmd struct {
	settings
	JSON bool   `name:"json" help:"Print JSON."`
	Name string `arg:"" help:"Accession number, id of an order, or Study Instance UID."`
}

func (worklistLifeCmd) Help() string {
	return `Shows each step with its state, time and origin: order, scheduled step, machines that asked for it, what machines
said they did, objects that arrived, whether they are all, and reports. Whose they are is noted.

Example:

    radagora worklist life --data /var/lib/radagora A100`
}

// Run prints what became of an order.
func (c worklistLifeCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		lives, err := h.Worklist.LivesOf(ctx, site.Default, c.Name)
		if err != nil {
			return err
		}
		for _, l := range lives {
			for _, o := range l.Orders {
				if o.Person == "" {
					continue
				}
				if err := h.noteRead(ctx, access.StepFind, access.Subject{Site: site.Default, Person: o.Person}); err != nil {
					return err
				}
			}
		}
		if c.JSON {
			e := json.NewEncoder(sys.Out)
			e.SetIndent("", "  ")
			return e.Encode(lives)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 4, 2, ' ', 0)
		for _, l := range lives {
			for _, s := range l.Steps {
				fmt.Fprintln(w, lifeLine(s))
			}
		}
		return w.Flush()
	})
}

// lifeLine is one step as the command line shows it.
func lifeLine(s worklist.LifeStep) string {
	when := s.Local
	if when == "" && !s.At.IsZero() {
		when = s.At.UTC().Format(time.RFC3339)
	}
	count := ""
	if s.Count > 0 {
		count = fmt.Sprintf("%d objects", s.Count)
	}
	return strings.Join([]string{
		string(s.Kind), string(s.State), when, s.By, s.Way, strings.TrimSpace(string(s.Match) + " " + s.Reason), count, strings.Join(s.Todo, ","),
	}, "\t")
}

type personSizesCmd struct {
	Import personSizesImportCmd `cmd:"" help:"Read heights and weights from a CSV file."`
}

type personSizesImportCmd struct {
	settings
	DryRun bool   `help:"Say what is wrong with which line, and keep nothing."`
	File   string `arg:"" help:"The file; - is standard input."`
}

func (personSizesImportCmd) Help() string {
	return `The first line names the columns: id, issuer, date, height, height_unit, weight, weight_unit, in any order, separated
by commas, semicolons or tabs. Units are m, cm, mm, [in_i] and kg, g, [lb_av]; dates are 2026-01-31, or with a time
2026-01-31T08:15, local at the site. All lines are kept or none: if one is wrong, every wrong one is named by its number.
The same file read twice changes nothing.

Example:

    radagora person sizes import --data /var/lib/radagora --dry-run sizes.csv`
}

// maxLinesTold is how many wrong lines are named.
const maxLinesTold = 100

// Run reads the file.
func (c personSizesImportCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		from := os.Stdin
		if c.File != "-" {
			f, err := os.Open(c.File)
			if err != nil {
				return trimPath(err, c.File)
			}
			defer f.Close()
			from = f
		}
		zone, err := h.zoneOf(ctx, site.Default)
		if err != nil {
			return err
		}
		facts, wrong, err := person.ReadSizes(from, site.Default, zone, archive.Person)
		if err != nil {
			return err
		}
		for i, w := range wrong {
			if i == maxLinesTold {
				fmt.Fprintf(sys.Out, "and %d more\n", len(wrong)-i)
				break
			}
			fmt.Fprintln(sys.Out, w.Error())
		}
		if len(wrong) > 0 {
			return fault.Errorf(fault.Invalid, "nothing was kept: %d things are wrong", len(wrong))
		}
		if c.DryRun {
			_, err := fmt.Fprintf(sys.Out, "%d sizes can be read; nothing was kept\n", len(facts))
			return err
		}
		for i := range facts {
			facts[i].Origin = access.From(ctx).ID
		}
		fresh, err := h.Persons.Say(ctx, facts...)
		if err != nil {
			return err
		}
		doubtful := 0
		for _, f := range fresh {
			if f.Doubt != "" {
				doubtful++
			}
		}
		_, err = fmt.Fprintf(sys.Out, "%d sizes read, %d new, %d of them kept as impossible\n", len(facts), len(fresh), doubtful)
		return err
	})
}
