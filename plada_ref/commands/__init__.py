"""The commands of the command line, one file each: flags in, text or JSON out."""
