//go:build linux && !(386 || amd64 || arm64 || loong64 || mips64 || mips64le || riscv64 || s390x)

package disk

func syncFileRange(int, int64, int64, int) error { return nil }
