// Package radagora is a platform for quality and safety in medical imaging.
//
// This folder holds no code. ARCHITECTURE.md has the map of the folders below
// it, and the test beside this file holds the code against that map. The program
// is in cmd/radagora.
package radagora
