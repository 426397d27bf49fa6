flaot /* ERRORLINE "flaot" */ d = 1;
