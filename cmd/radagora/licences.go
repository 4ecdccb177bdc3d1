package main

import (
	_ "embed"
	"io"
)

// licences holds the notice, the modules that are linked, the files that came
// from elsewhere, and the texts of their licences.
//
//go:embed licences.txt
var licences string

type licencesCmd struct{}

func (licencesCmd) Help() string {
	return `Prints the notice, every module and file inside that others wrote, and the texts of their licences.

Example:

    radagora licences | less`
}

// Run prints the text that was made when the program was.
func (licencesCmd) Run(sys *system) error {
	_, err := io.WriteString(sys.Out, licences)
	return err
}
