package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"
)

type configCmd struct {
	Apply  configApplyCmd  `cmd:"" help:"Make the installation as files say."`
	Check  configCheckCmd  `cmd:"" help:"Check the settings and show where each value comes from."`
	Export configExportCmd `cmd:"" help:"Write the configuration as files."`
	Plan   configPlanCmd   `cmd:"" help:"Show what differs between files and installation."`
}

type configCheckCmd struct {
	settings
}

func (configCheckCmd) Help() string {
	return `Reads flags, environment and file as "radagora serve" would, refuses what cannot be, and prints
each setting with its source. Secrets are not shown. A key that no setting has is refused with its line.

Example:

    radagora config check --config /etc/radagora.yaml`
}

// Run prints the settings in the order of their names.
func (configCheckCmd) Run(ctx *kong.Context, sys *system) error {
	w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
	flags := slices.DeleteFunc(ctx.Flags(), func(f *kong.Flag) bool { return !f.Tag.Has(tagSetting) })
	slices.SortFunc(flags, func(a, b *kong.Flag) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range flags {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Name, shown(f), sourceOf(ctx, sys.file, f))
	}
	return w.Flush()
}

// shown returns the value of a setting as it may be printed.
func shown(f *kong.Flag) string {
	value := f.Target.Interface()
	text := fmt.Sprint(value)
	if list, ok := value.([]string); ok {
		text = strings.Join(list, ", ")
	}
	switch {
	case text == "":
		return "-"
	case f.Tag.Has(tagSecret):
		return "[secret]"
	case f.Tag.Has(tagDSN):
		return redact(text)
	}
	return text
}

// sourceOf tells where a setting has its value from.
func sourceOf(ctx *kong.Context, file *settingsFile, f *kong.Flag) string {
	for _, path := range ctx.Path {
		if path.Flag == f && !path.Resolved {
			return "flag"
		}
	}
	if _, ok := os.LookupEnv(envName(f.Name)); ok {
		return "environment " + envName(f.Name)
	}
	if file != nil && file.line[f.Name] > 0 {
		return fmt.Sprintf("%s:%d", file.name, file.line[f.Name])
	}
	return "default"
}
