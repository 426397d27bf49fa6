package main

// This file implements numbers in JSON output.

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/zmlx-go/zmlx"
)

// rawJSON returns text that is a JSON value already.
func rawJSON(text string) any { return json.RawMessage(text) }

// jsonNumber returns v, with the digits that tell elements of dtype d apart, or
// as a string if JSON cannot spell it.
func jsonNumber(v float64, d zmlx.DType) any {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	bits := 32
	if d == zmlx.Float64 {
		bits = 64
	}
	return rawJSON(strconv.FormatFloat(v, 'g', -1, bits))
}
