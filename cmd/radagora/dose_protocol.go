package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"radagora/dose"
	"radagora/dose/protocol"
	"radagora/export"
	"radagora/lang"
)

type doseProtocolCmd struct {
	List    protocolListCmd    `cmd:"" help:"List the protocols of scanners, with their versions."`
	Changes protocolChangesCmd `cmd:"" help:"Say what each change of a protocol did to the dose."`
	Checks  protocolChecksCmd  `cmd:"" help:"Say how the dose checks of CT are set up, machine by machine."`
}

// tableFlags choose the form of a table.
type tableFlags struct {
	CSV bool `name:"csv" help:"Print CSV in place of a table for people."`
}

// print prints a table whose first row is its head.
func (f tableFlags) print(sys *system, rows [][]string) error {
	if f.CSV {
		w := csv.NewWriter(sys.Out)
		for _, row := range rows {
			for i, cell := range row {
				if !isNumber(cell) {
					row[i] = export.Guard(cell) // spreadsheets would take it for a formula
				}
			}
		}
		return w.WriteAll(rows)
	}
	w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.NewReplacer("\n", " ", "\v", " ").Replace(strings.Join(row, "\t")))
	}
	return w.Flush()
}

// isNumber reports whether a cell is one.
func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// figure writes a number for a table.
func figure(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

type protocolListCmd struct {
	settings
	tableFlags
}

func (protocolListCmd) Help() string {
	return `Lists every version of every protocol that the dose reports name, machine by machine. docs/protocols.md says when a
new version begins.

` + besideServer + `

Example:

    radagora dose protocol list --csv --data /var/lib/radagora`
}

// Run prints a line for each version.
func (c protocolListCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		all, err := h.Protocols.Versions(ctx, at, "")
		if err != nil {
			return err
		}
		rules, err := protocol.LoadRules(h.Content, at)
		if err != nil {
			return err
		}
		words, err := lang.Open()
		if err != nil {
			return err
		}
		p := words.Printer("en")
		rows := [][]string{{"machine", "protocol", "type", "modality", "version", "first", "last", "n", "settings", "changed"}}
		for _, v := range all {
			rows = append(rows, []string{
				v.Machine, cmp.Or(v.Protocol, "-"), v.Type, v.Modality, strconv.Itoa(v.Number), v.First, v.Last, strconv.Itoa(v.N),
				summary(p, rules, v), changedText(p, v.Changed),
			})
		}
		return c.print(sys, rows)
	})
}

// changedText says what changed.
func changedText(p *lang.Printer, all []protocol.Changed) string {
	var parts []string
	for _, c := range all {
		parts = append(parts, c.Setting+" "+codeWord(p, c.From)+" -> "+codeWord(p, c.To))
	}
	return strings.Join(parts, "; ")
}

type protocolChangesCmd struct {
	settings
	tableFlags
	Machine string `placeholder:"ID" help:"Of this machine alone."`
}

func (protocolChangesCmd) Help() string {
	return `Lists the changes of protocols, the latest first, each with the ratio of the medians after it and before, and an
interval of at least 95 %. Patients are not matched by size.

` + besideServer + `

Example:

    radagora dose protocol changes --data /var/lib/radagora`
}

// Run prints a line for each change and quantity.
func (c protocolChangesCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		all, err := h.Protocols.Effects(ctx, at, c.Machine)
		if err != nil {
			return err
		}
		words, err := lang.Open()
		if err != nil {
			return err
		}
		p := words.Printer("en")
		rows := [][]string{{"day", "machine", "protocol", "version", "changed", "quantity", "n_before", "n_after", "median_before", "median_after", "unit", "ratio", "low", "high"}}
		for _, v := range all {
			for _, e := range v.Effects {
				low, high := "", ""
				if e.Interval {
					low, high = figure(e.Low), figure(e.High)
				}
				rows = append(rows, []string{
					v.First, v.Machine, cmp.Or(v.Protocol, "-"), strconv.Itoa(v.Number), changedText(p, v.Changed), e.Code, strconv.Itoa(e.A.N), strconv.Itoa(e.B.N),
					figure(e.A.Median), figure(e.B.Median), e.Unit, figure(e.Ratio), low, high,
				})
			}
		}
		return c.print(sys, rows)
	})
}

type protocolChecksCmd struct {
	settings
	tableFlags
}

func (protocolChecksCmd) Help() string {
	return `Lists for every CT of the last twelve months which alert and notification values its reports tell of, and how often
they were exceeded. "not_recorded" means that no report says anything: nobody knows how the machine is set up.

` + besideServer + `

Example:

    radagora dose protocol checks --data /var/lib/radagora`
}

// Run prints a line for each check, and each protocol of it.
func (c protocolChecksCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		settings, err := dose.LoadSettings(h.Content, at)
		if err != nil {
			return err
		}
		p := dose.Last(settings.Period, h.Now())
		all, err := h.Protocols.Checks(ctx, at, p.From, p.To)
		if err != nil {
			return err
		}
		rows := [][]string{{"machine", "protocol", "check", "quantity", "state", "values", "events", "recorded", "exceeded", "no_reason", "exceeding_per_1000"}}
		for _, room := range all {
			for _, g := range append(room.Whole, room.Protocols...) {
				per := ""
				if g.Protocol == "" {
					per = figure(room.PerThousand())
				}
				rows = append(rows, []string{
					room.Machine, cmp.Or(g.Protocol, "-"), g.Kind, g.Quantity, g.State, checkGroup(g).Values,
					strconv.Itoa(g.Events), strconv.Itoa(g.Recorded), strconv.Itoa(g.Exceeded), strconv.Itoa(g.NoReason), per,
				})
			}
		}
		return c.print(sys, rows)
	})
}
