goto end /* ERRORLINE "goto" */;
out[0] = 1;
