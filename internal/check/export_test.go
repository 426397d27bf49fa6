package check

func init() { crash = true } // a fault of the checker fails its tests
