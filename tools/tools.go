// Package tools generates tables, bundles and the viewer.
//
// It has no code of its own: `go generate ./tools` (make generate) runs the
// generators in this order, and `make test` fails if that would change a file.
// The other commands below this folder serve developers: check runs everything,
// postgres gives the tests a server. The modules lint and templ pin programs that
// are built, not imported, apart from the module of the program.
package tools

//go:generate go run ./dictionary -root ..
//go:generate go -C ../web tool -modfile=../tools/templ/go.mod templ generate -include-version=false
//go:generate go run ./apiclient ../docs/api/openapi-v1.json ../client/api.go
//go:generate go run ./licences -root .. -o ../cmd/radagora/licences.txt
