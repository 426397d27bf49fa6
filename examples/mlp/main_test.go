package main

import (
	"strings"
	"testing"
)

func TestTraining(t *testing.T) {
	var b strings.Builder
	last, right, err := train(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !(last < goal) || right != points {
		t.Errorf("the loss is %v, the goal %v; %d of %d points are right\n%s", last, goal, right, points, b.String())
	}
}
