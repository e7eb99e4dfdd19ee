#!/bin/bash
# DFT and Wannier functions: sbatch workflows/dft/slurm/dft.sh Pt /path/to/pseudopotentials
# A job that ran out of time is submitted again: finished steps are not done twice.
#SBATCH --job-name=dft
#SBATCH --nodes=1
#SBATCH --ntasks=32
#SBATCH --cpus-per-task=1
#SBATCH --time=04:00:00
set -euo pipefail
# module load quantum-espresso wannier90 python        # as your cluster calls them
source .venv/bin/activate                              # where wannier-spin is installed
export OMP_NUM_THREADS=1
python workflows/dft/run.py "$1" --pseudo "$2" --quality production --mpi srun
