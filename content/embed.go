package content

import (
	"embed"
	"io/fs"
)

// The embedded sets lie two or three folders deep. Their files are named by
// pattern so that a new set needs no line of Go.
//
//go:embed */*/set.yaml */*/*.tsv
//go:embed */*/*/set.yaml */*/*/*.tsv
//go:embed */*/*.cedar
//go:embed form/*/*.json
var embedded embed.FS

// Files returns what the program brings, to be checked like any other folder.
func Files() fs.FS { return embedded }
