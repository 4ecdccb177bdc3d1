package content

import "embed"

// The embedded sets lie two or three folders deep. Their files are named by
// pattern so that a new set needs no line of Go.
//
//go:embed */*/set.yaml */*/*.tsv
//go:embed */*/*/set.yaml */*/*/*.tsv
var embedded embed.FS
